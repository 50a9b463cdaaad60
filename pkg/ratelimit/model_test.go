package ratelimit

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"tandem.example/pkg/devstack"
)

// bucket is the other way to say the same: a bucket that leaks one unit a
// microsecond, into which each attempt pours one interval.
type bucket struct{ level, seen, interval, burst int64 }

func (b *bucket) at(now int64) {
	b.level, b.seen = max(0, b.level-max(0, now-b.seen)), max(b.seen, now)
}
func (b *bucket) fits() bool { return b.level+b.interval <= b.burst }

// The script against the model, on a clock that the test turns.
func TestTheScriptIsALeakyBucket(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	opts, err := redisfxOptions(w)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(opts)
	defer func() { _ = client.Close() }()
	text := gcraLua
	for _, change := range [][2]string{{"redis.call('TIME')", "{0, ARGV[#ARGV]}"}, {"math.ceil(ahead / 1000)", "3600000"}} {
		if strings.Count(text, change[0]) != 1 {
			t.Fatalf("the script has no %s", change[0])
		}
		text = strings.Replace(text, change[0], change[1], 1)
	}
	script := redis.NewScript(text)
	rapid.Check(t, func(r *rapid.T) {
		now := int64(1_700_000_000_000_000)
		n := rapid.IntRange(1, 3).Draw(r, "limits")
		model, keys := make([]bucket, n), make([]string, n)
		for i := range model {
			rate := Rate{rapid.IntRange(1, 20).Draw(r, "quota"), maxWindow / 24}
			model[i] = bucket{seen: now, interval: rate.interval().Microseconds(), burst: rate.burst().Microseconds()}
			keys[i] = limit(t, 1).Of(string(rune('a' + i))).key
		}
		if err := client.Del(t.Context(), keys...).Err(); err != nil {
			r.Fatal(err)
		}
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			now += rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 400_000_000)).Draw(r, "passes")
			act := rapid.SampledFrom([]int{actTake, actTake, actTake, actLook, actGiveBack}).Draw(r, "act")
			all := true
			for i := range model {
				model[i].at(now)
				all = all && model[i].fits()
			}
			args := []any{act}
			for i := range model {
				args = append(args, model[i].interval, model[i].burst)
			}
			got, err := script.Run(t.Context(), client, keys, append(args, now)...).Int64Slice()
			if err != nil {
				r.Fatal(err)
			}
			for i := range model {
				b, wait := &model[i], int64(0)
				switch {
				case act == actGiveBack:
					b.level = max(0, b.level-b.interval)
				case act == actTake && all:
					b.level += b.interval
				case !b.fits():
					wait = b.level + b.interval - b.burst
				}
				if got[2*i] != b.level || got[2*i+1] != wait {
					r.Fatalf("limit %d, act %d: ahead %d, wait %d; the model says %d, %d", i, act, got[2*i], got[2*i+1], b.level, wait)
				}
			}
		}
	})
}

// A limit that was narrowed, or a clock that was set back, locks nobody out for
// longer than the limit's own window.
func TestACountBeyondTheLimitIsFull(t *testing.T) {
	t.Parallel()
	l := newWorld(t, devstack.Options{}).limiter(t)
	wide, narrow := limit(t, 1000), limit(t, 10)
	narrow.Window /= 24
	for range 1000 {
		if _, err := l.Take(t.Context(), wide.Of("anna")); err != nil {
			t.Fatal(err)
		}
	}
	states, _ := l.Look(t.Context(), narrow.Of("anna"))
	if states[0].Remaining != 0 || states[0].Wait > narrow.interval() {
		t.Errorf("%+v", states[0])
	}
}
