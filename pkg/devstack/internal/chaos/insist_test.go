package chaos

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

func TestInsist(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answers []int
		want    verdict
	}{
		"at once":                    {[]int{201}, done},
		"after a lost answer":        {[]int{503, 500, 201}, done},
		"while the first is at work": {[]int{503, 409, 409, 201}, done},
		"refused for good":           {[]int{503, 412}, refused},
		"nothing was done":           {[]int{422}, nothing},
		"never said":                 {[]int{503, 422}, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var tries atomic.Int64
			keys := make(chan string, len(c.answers)+1)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				keys <- r.Header.Get("Idempotency-Key")
				n := int(tries.Add(1))
				if n > len(c.answers) {
					cancel() // the campaign is over
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				w.WriteHeader(c.answers[n-1])
			}))
			defer server.Close()
			ask := &asker{http: server.Client(), clock: clock{time.Now()}, tally: newTally()}
			one := caller{
				session: &session{auth: &auth{asker: ask}}, targets: targets{{name: "it", url: server.URL}},
				r: rand.New(rand.NewPCG(1, 1)),
			}
			got, outcome, _ := one.insist(ctx, 0, "key", writeRequest{kind: "create", method: http.MethodPost, body: "{}"})
			if outcome != c.want || got.begin > got.end {
				t.Errorf("%v from %d to %d, want %v", outcome, got.begin, got.end, c.want)
			}
			close(keys)
			for key := range keys {
				if key != `"key"` {
					t.Errorf("sent under %q", key)
				}
			}
		})
	}
}

func TestReceipts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		notes   [][2]string
		created map[string]string
		bad     int
	}{
		"one each":                  {[][2]string{{"k1", ""}, {"k1", "a"}, {"k2", ""}, {"k2", "b"}}, map[string]string{"a": "k1", "b": "k2"}, 0},
		"answered twice":            {[][2]string{{"k1", "a"}, {"k1", "a"}}, map[string]string{"a": "k1"}, 0},
		"two answers":               {[][2]string{{"k1", "a"}, {"k1", "b"}}, map[string]string{"b": "k1"}, 1},
		"one that nobody was told":  {[][2]string{{"k1", "a"}, {"k2", ""}}, map[string]string{"a": "k1", "b": "k2"}, 0},
		"two that nobody was told":  {[][2]string{{"k1", ""}, {"k2", ""}}, map[string]string{"a": "k1", "b": "k1"}, 1},
		"one beside what was told":  {[][2]string{{"k1", ""}, {"k1", "a"}, {"k2", ""}}, map[string]string{"a": "k1", "b": "k1"}, 1},
		"a key that made nothing":   {[][2]string{{"k1", ""}}, nil, 0},
		"known, then a lost repeat": {[][2]string{{"k1", "a"}, {"k1", ""}}, map[string]string{"a": "k1", "b": "k1"}, 1},
		"no key is kept":            {[][2]string{{"k1", ""}}, map[string]string{"a": ""}, 1},
		"told of, and never made":   {[][2]string{{"k1", "a"}}, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newReceipts()
			for _, n := range c.notes {
				l.note(n[0], n[1])
			}
			if got := l.check(c.created); len(got) != c.bad {
				t.Errorf("%q, want %d", got, c.bad)
			}
		})
	}
}
