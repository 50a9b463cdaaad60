package chaos

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// window is the grain in which availability is told.
const window = 100 * int64(time.Millisecond)

// tally counts what clients saw. It is safe for concurrent use.
type tally struct {
	mu       sync.Mutex // guards all below
	by       map[string]int
	codes    map[string]int
	answered map[int64]int  // window → definite answers
	failed   map[int64]int  // window → others
	refused  map[string]int // answers below 500 by which nothing was done, and that tell nothing
	hits     int
	reads    int
}

func newTally() *tally {
	return &tally{refused: map[string]int{}, by: map[string]int{}, codes: map[string]int{}, answered: map[int64]int{}, failed: map[int64]int{}}
}

func (t *tally) count(kind string, a answer, v verdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.by[kind]++
	at := a.end / window
	if a.status == 0 || a.status >= 500 {
		t.failed[at]++
		code := a.code
		if code == "" {
			code = "no answer"
		}
		t.codes[code]++
		return
	}
	t.answered[at]++
	if a.status >= http.StatusBadRequest && v == nothing {
		t.refused[fmt.Sprintf("%s: %d %s", kind, a.status, a.code)]++
	}
	if v == done && a.cache != "" {
		t.reads++
		if strings.Contains(a.cache, "; hit") {
			t.hits++
		}
	}
}

// down is for how long from begin to end there were failures and no answer, and
// partly for how long there were both.
func (t *tally) down(begin, end int64) (down, partly time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for at := range maps.Keys(t.failed) {
		switch {
		case at < begin/window || at > end/window:
		case t.answered[at] == 0:
			down += time.Duration(window)
		default:
			partly += time.Duration(window)
		}
	}
	return down, partly
}

const (
	calm     = 5                // windows without a failure
	calmOnce = 10 * time.Second // at the latest
)

// awaitCalm waits until everything is answered again.
func (t *tally) awaitCalm(ctx context.Context, c clock) {
	for began := time.Now(); time.Since(began) < calmOnce && pause(ctx, 50*time.Millisecond); {
		if t.isCalm(c.now() / window) {
			return
		}
	}
}

func (t *tally) isCalm(now int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for at := now - calm; at < now; at++ {
		if t.failed[at] > 0 || t.answered[at] == 0 {
			return false
		}
	}
	return true
}

// totals are all operations, and those of them that were answered.
func (t *tally) totals() (all, answered int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.by {
		all += n
	}
	for _, n := range t.answered {
		answered += n
	}
	return all, answered
}
