// Package keycache keeps the verification keys that somebody else publishes.
//
// It promises that a set of keys counts for no more than [Limit] after the
// publisher was asked for it, and for little more than [Cache.Fresh] while the
// publisher answers, so that a withdrawn key is soon refused everywhere; that
// using keys does not prolong that; and that tokens with made-up key ids cannot
// turn us against the publisher. What cannot be known is an error, never a yes.
package keycache

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// Limit is how long a set counts that could not be renewed.
const Limit = 5 * time.Minute

const (
	askWithin   = 3 * time.Second  // one question to the publisher
	retryAfter  = 2 * time.Second  // between two renewals that nobody waits for, or after one that failed
	unknownFor  = 10 * time.Second // how long an id that it does not have is not asked for again
	unknownMost = 64               // ids remembered as unknown
	askBurst    = 5                // questions for unknown ids at once …
	askEvery    = 10 * time.Second // … and one more after each of these
)

// Set is a set of keys. It never changes.
type Set interface {
	Has(id string) bool
}

// Cache holds the last set. Its fields are set before use and then left alone;
// its methods are safe for concurrent use. There is nothing to start or stop: a
// set that is used is renewed.
type Cache[S Set] struct {
	// Ask gets the set from the publisher.
	Ask func(context.Context) (S, error)
	// Fresh is the age at which a set is renewed in the background. One of twice
	// that age is not used before the publisher was asked.
	Fresh time.Duration
	// Failed, if set, is told why a renewal failed.
	Failed func(error)

	current atomic.Pointer[dated[S]]
	failure atomic.Pointer[failure]   // of the last question, if it failed
	begun   atomic.Pointer[time.Time] // the last renewal that nobody waits for
	asking  singleflight.Group

	mu      sync.Mutex           // guards all below
	unknown map[string]time.Time // id → until
	spent   float64              // of the burst
	counted time.Time            // when spent was computed
}

type dated[S Set] struct {
	set   S
	asked time.Time // before the question was sent
}

type failure struct {
	err  error
	next time.Time // when to ask again
}

// Peek gives the set that counts now. It waits for nobody; if there is no such
// set, [Cache.Get] asks for one.
func (c *Cache[S]) Peek() (set S, ok bool) {
	d := c.current.Load()
	if d == nil {
		return set, false
	}
	age, failed := time.Since(d.asked), c.failure.Load()
	if age < c.Fresh {
		return d.set, true
	}
	if age >= Limit || age >= 2*c.Fresh && failed == nil {
		return set, false
	}
	if last := c.begun.Load(); last == nil || time.Since(*last) >= retryAfter {
		if c.begun.CompareAndSwap(last, new(time.Now())) {
			c.ask(context.Background())
		}
	}
	return d.set, true
}

// Get is [Cache.Peek], but asks the publisher if there is no set. The error is
// that of Ask.
func (c *Cache[S]) Get(ctx context.Context) (S, error) {
	if set, ok := c.Peek(); ok {
		return set, nil
	}
	set, err := c.renew(ctx)
	if err == nil {
		return set, nil
	}
	if old, ok := c.Peek(); ok { // now that the publisher has failed, an older one does
		return old, nil
	}
	return set, err
}

// For is [Cache.Get], but asks the publisher, once in a while, about an id that
// the set does not have.
func (c *Cache[S]) For(ctx context.Context, id string) (S, error) {
	set, err := c.Get(ctx)
	if err != nil {
		return set, err
	}
	if set.Has(id) || !c.mayAsk(id) {
		return set, nil
	}
	fresh, err := c.renew(ctx)
	if err == nil && !fresh.Has(id) {
		c.remember(id)
	}
	return fresh, err
}

// renew asks, together with whoever else wants to know, unless that has just
// failed.
func (c *Cache[S]) renew(ctx context.Context) (set S, err error) {
	if failed := c.failure.Load(); failed != nil && time.Now().Before(failed.next) {
		return set, failed.err
	}
	select {
	case <-ctx.Done():
		return set, ctx.Err()
	case got := <-c.ask(ctx):
		set, _ = got.Val.(S)
		return set, got.Err
	}
}

// ask puts the question in a flight of its own: it outlives the caller that
// began it.
func (c *Cache[S]) ask(ctx context.Context) <-chan singleflight.Result {
	return c.asking.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askWithin)
		defer cancel()
		asked := time.Now()
		set, err := c.Ask(ctx)
		if err != nil {
			c.failure.Store(&failure{err, time.Now().Add(retryAfter)})
			if c.Failed != nil {
				c.Failed(err)
			}
			return set, err
		}
		c.current.Store(&dated[S]{set, asked})
		c.failure.Store(nil)
		return set, nil
	})
}

// mayAsk tells whether an unknown id is worth a question now.
func (c *Cache[S]) mayAsk(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Before(c.unknown[id]) {
		return false
	}
	c.spent = max(0, c.spent-float64(now.Sub(c.counted))/float64(askEvery))
	c.counted = now
	if c.spent+1 > askBurst {
		return false
	}
	c.spent++
	return true
}

func (c *Cache[S]) remember(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unknown == nil || len(c.unknown) >= unknownMost {
		c.unknown = map[string]time.Time{}
	}
	c.unknown[id] = time.Now().Add(unknownFor)
}
