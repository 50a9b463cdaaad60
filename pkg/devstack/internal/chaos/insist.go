package chaos

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// writeRequest is a write as it is sent, byte for byte the same each time.
type writeRequest struct {
	kind, method, path, body string
	header                   []string
}

// caller is one client: where it calls, and with whose token.
type caller struct {
	*session
	targets targets
	r       *rand.Rand
	token   string
}

const (
	insistFor   = 8 * time.Second // until an outcome is left unknown
	insistPause = 150 * time.Millisecond
)

// insist sends a write under a key of its own until the outcome is known, each
// time to any instance. The answer spans all tries. An outcome that was unknown
// once becomes known by an answer that is final: success, which every later try
// repeats, or a refusal that will never be another (404, 412).
func (c *caller) insist(ctx context.Context, via int, key string, q writeRequest) (answer, verdict, string) {
	header := append([]string{"Idempotency-Key", `"` + key + `"`}, q.header...)
	begin, lost := int64(-1), false
	for began := time.Now(); ; via = c.targets.any(c.r, c.asker.clock) {
		got := c.targets.send(ctx, c.asker, via, q.method, q.path, c.token, q.body, header...)
		if begin < 0 {
			begin = got.begin
		}
		outcome := allTries(lost, got.outcome())
		lost = lost || outcome == unknown
		if outcome == unknown && got.status == http.StatusUnauthorized {
			c.token = c.get(ctx, c.token)
		}
		if outcome == unknown && time.Since(began) < insistFor && ctx.Err() == nil {
			c.asker.tally.count("tried again", got, outcome)
			if pause(ctx, insistPause) {
				continue
			}
		}
		c.asker.tally.count(q.kind, got, outcome)
		got.begin = begin
		return got, outcome, c.targets[via].name
	}
}

// allTries is what is known of a write after one more try, if an earlier one was
// lost: that this one did nothing says nothing of that one.
func allTries(lost bool, outcome verdict) verdict {
	if lost && outcome == nothing {
		return unknown
	}
	return outcome
}

// receipts say what came of every key under which something was to be made. It
// is safe for concurrent use.
type receipts struct {
	mu    sync.Mutex        // guards all below
	ids   map[string]string // key → what was made; empty while that is unknown
	twice []string          // keys that made two things, or seem to have
}

func newReceipts() *receipts { return &receipts{ids: map[string]string{}} }

func (l *receipts) note(key, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if before := l.ids[key]; before != "" && id != "" && before != id {
		l.twice = append(l.twice, fmt.Sprintf("%s made %s and %s", key, before, id))
	}
	if id != "" || l.ids[key] == "" {
		l.ids[key] = id
	}
}

// check compares with what there ever was, by ids and first names, which are the
// keys: each was made under a key, none under that of another, and what an answer
// told of was made.
func (l *receipts) check(created map[string]string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	wrong, made := slices.Clone(l.twice), map[string]string{}
	for _, id := range sortedKeys(created) {
		key := created[id]
		if _, known := l.ids[key]; !known {
			wrong = append(wrong, fmt.Sprintf("%s was made under no key", id))
			continue
		}
		if other := cmp.Or(made[key], l.ids[key]); other != "" && other != id {
			wrong = append(wrong, fmt.Sprintf("%s made %s and %s", key, other, id))
		}
		made[key] = id
	}
	for _, key := range sortedKeys(l.ids) {
		if id := l.ids[key]; id != "" && made[key] == "" {
			wrong = append(wrong, fmt.Sprintf("%s was said to have made %s, which never was", key, id))
		}
	}
	return wrong
}
