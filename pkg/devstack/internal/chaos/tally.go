package chaos

import (
	"maps"
	"strings"
	"sync"
)

// window is the grain in which availability is told.
const window = 100 * 1e6 // nanoseconds

// tally counts what clients saw. It is safe for concurrent use.
type tally struct {
	mu       sync.Mutex // guards all below
	by       map[string]int
	codes    map[string]int
	answered map[int64]int // window → definite answers
	failed   map[int64]int // window → others
	hits     int
	reads    int
}

func newTally() *tally {
	return &tally{by: map[string]int{}, codes: map[string]int{}, answered: map[int64]int{}, failed: map[int64]int{}}
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
	if v == done && a.cache != "" {
		t.reads++
		if strings.Contains(a.cache, "; hit") {
			t.hits++
		}
	}
}

// down is how many windows from begin to end had failures and no answer.
func (t *tally) down(begin, end int64) (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for at := range maps.Keys(t.failed) {
		if at >= begin/window && at < end/window && t.answered[at] == 0 {
			n++
		}
	}
	return n
}

func (t *tally) total() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range t.by {
		n += m
	}
	return n
}
