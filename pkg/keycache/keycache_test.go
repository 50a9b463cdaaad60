package keycache_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/pkg/keycache"
)

type ids []string

func (s ids) Has(id string) bool { return slices.Contains(s, id) }

var errAway = errors.New("the publisher is away")

// publisher answers as it is told.
type publisher struct {
	asked atomic.Int64
	takes time.Duration

	mu   sync.Mutex // guards all below
	keys ids
	err  error
}

func (p *publisher) set(err error, keys ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys, p.err = keys, err
}

func (p *publisher) ask(ctx context.Context) (ids, error) {
	p.asked.Add(1)
	timer := time.NewTimer(p.takes)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys, p.err
}

const fresh = 15 * time.Second

func cacheOf(p *publisher) *keycache.Cache[ids] {
	return &keycache.Cache[ids]{Ask: p.ask, Fresh: fresh}
}

// wait lets time pass in a bubble.
func wait(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func holds(t *testing.T, c *keycache.Cache[ids], id string) bool {
	t.Helper()
	set, err := c.For(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return set.Has(id)
}

func TestAWithdrawnKeyIsSoonRefused(t *testing.T) {
	t.Parallel()
	for name, idle := range map[string]time.Duration{"in use": time.Second, "seldom used": time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &publisher{keys: ids{"a", "b"}, takes: 10 * time.Millisecond}
				c := cacheOf(p)
				if !holds(t, c, "a") {
					t.Fatal("no key")
				}
				p.set(nil, "b")
				withdrawn := time.Now()
				for held := true; held; {
					wait(idle)
					set, err := c.Get(t.Context())
					held = err == nil && set.Has("a")
					if held && time.Since(withdrawn) > 2*fresh {
						t.Fatalf("it still counts after %s", time.Since(withdrawn))
					}
				}
			})
		})
	}
}

func TestRenewalsDoNotHoldAnybodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{keys: ids{"a"}, takes: time.Second}
		c := cacheOf(p)
		holds(t, c, "a")
		for range 300 {
			wait(time.Second)
			began := time.Now()
			if _, ok := c.Peek(); !ok {
				t.Fatal("a set in use was let grow old")
			}
			if time.Since(began) != 0 {
				t.Fatal("a look took time")
			}
		}
		if n := p.asked.Load(); n < 15 || n > 25 {
			t.Fatalf("asked %d times in 300 s", n)
		}
	})
}

func TestASetThatCannotBeRenewedCountsUntilItsLimit(t *testing.T) {
	t.Parallel()
	for name, takes := range map[string]time.Duration{"refused": 0, "hanging": time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &publisher{keys: ids{"a"}}
				c := cacheOf(p)
				holds(t, c, "a")
				began := time.Now()
				p.set(errAway)
				p.takes = takes
				var waited time.Duration
				for {
					before := time.Now()
					_, err := c.Get(t.Context())
					waited += time.Since(before)
					if err != nil {
						break
					}
					if time.Since(began) > keycache.Limit {
						t.Fatal("it counts beyond the limit")
					}
					wait(time.Second) // using it does not prolong it
				}
				if age := time.Since(began); age < keycache.Limit {
					t.Fatalf("it was given up after %s", age)
				}
				if waited > 10*time.Second {
					t.Fatalf("callers waited for %s altogether", waited)
				}
				p.takes = 0
				p.set(nil, "b")
				wait(5 * time.Second)
				if holds(t, c, "a") || !holds(t, c, "b") {
					t.Fatal("it did not recover")
				}
			})
		})
	}
}

func TestManyCallersAskOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{keys: ids{"a"}, takes: time.Second}
		c := cacheOf(p)
		var callers sync.WaitGroup
		for range 200 {
			callers.Go(func() { holds(t, c, "a") })
		}
		callers.Wait()
		if n := p.asked.Load(); n != 1 {
			t.Fatalf("asked %d times", n)
		}
	})
}

// A caller that gives up does not take the answer from the others.
func TestACallerMayLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{keys: ids{"a"}, takes: time.Second}
		c := cacheOf(p)
		ctx, leave := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() {
			_, err := c.Get(ctx)
			gone <- err
		}()
		synctest.Wait()
		leave()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if !holds(t, c, "a") || p.asked.Load() != 1 {
			t.Fatalf("asked %d times", p.asked.Load())
		}
	})
}

func TestUnknownIDs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{keys: ids{"a"}}
		c := cacheOf(p)
		holds(t, c, "a")
		p.set(nil, "a", "b")
		if !holds(t, c, "b") || p.asked.Load() != 2 {
			t.Fatalf("a new key was not asked for: %d", p.asked.Load())
		}
		for n := range 10_000 { // a flood of made-up ids
			holds(t, c, fmt.Sprint(n))
			holds(t, c, "the same")
		}
		if n := p.asked.Load(); n > 7 {
			t.Fatalf("made-up ids caused %d questions", n)
		}
		wait(time.Minute)
		before := p.asked.Load()
		for range 100 {
			holds(t, c, "the same")
		}
		if n := p.asked.Load() - before; n > 2 { // a renewal, and one for the id
			t.Fatalf("one unknown id caused %d questions", n)
		}
		p.set(errAway)
		wait(time.Minute)
		if _, err := c.For(t.Context(), "c"); !errors.Is(err, errAway) {
			t.Fatalf("an id that could not be asked for: %v", err)
		}
	})
}
