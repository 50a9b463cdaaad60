package clerksession

import (
	"context"
	"crypto/rsa"
	"sync"
	"time"

	"github.com/clerk/clerk-sdk-go/v2"

	"tandem.example/pkg/bearer"
)

const (
	keysFor     = 5 * time.Minute  // a key that Clerk withdrew counts no longer than this
	renewAfter  = 4 * time.Minute  // from then on a renewal is tried; its failure does no harm yet
	retryAfter  = 10 * time.Second // between two tries of a renewal
	unknownFor  = 10 * time.Second // how long a kid that Clerk does not have is not asked for again
	unknownMost = 64               // kids remembered as unknown
	askBurst    = 5                // questions for unknown kids at once …
	askEvery    = 10 * time.Second // … and one more after each of these
)

// keyCache holds Clerk's keys. Its time counts from before they were asked for,
// and using them does not prolong it.
type keyCache struct {
	fetch func(context.Context) ([]*clerk.JSONWebKey, error)
	now   func() time.Time
	calls flights[*keySet]

	mu      sync.Mutex // guards all below
	current *keySet
	tried   time.Time            // the last renewal before it was due
	unknown map[string]time.Time // kid → until
	tokens  float64              // left of the burst
	filled  time.Time            // when tokens was computed
}

type keySet struct {
	asked time.Time
	byID  map[string]*clerk.JSONWebKey
}

func newKeyCache(fetch func(context.Context) ([]*clerk.JSONWebKey, error), now func() time.Time) *keyCache {
	return &keyCache{fetch: fetch, now: now, unknown: map[string]time.Time{}, tokens: askBurst, filled: now()}
}

// find returns the key with this kid. It returns [bearer.ErrKey] if Clerk does
// not have it, or was asked too often for unknown ones, and [ErrUnavailable]
// when there are no keys to look at.
func (c *keyCache) find(ctx context.Context, kid string) (*clerk.JSONWebKey, error) {
	set, early := c.cached()
	if set == nil || early {
		fresh, err := c.renew(ctx, c.now().Add(-renewAfter))
		if err != nil && set == nil {
			return nil, err
		}
		if err == nil {
			set = fresh
		}
	}
	if key := set.byID[kid]; key != nil {
		return key, nil
	}
	if !c.mayAsk(kid) {
		return nil, bearer.ErrKey
	}
	set, err := c.renew(ctx, c.now())
	if err != nil {
		return nil, err
	}
	if key := set.byID[kid]; key != nil {
		return key, nil
	}
	c.remember(kid)
	return nil, bearer.ErrKey
}

// cached returns the keys that still count, and whether to try for newer ones.
func (c *keyCache) cached() (set *keySet, early bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if c.current == nil || now.Sub(c.current.asked) >= keysFor {
		return nil, false
	}
	early = now.Sub(c.current.asked) >= renewAfter && now.Sub(c.tried) >= retryAfter
	if early {
		c.tried = now
	}
	return c.current, early
}

// renew returns keys that Clerk was asked for after a time: by somebody else, if
// that ended while the caller was on its way here.
func (c *keyCache) renew(ctx context.Context, after time.Time) (*keySet, error) {
	return c.calls.do(ctx, "", func(ctx context.Context) (*keySet, error) {
		if set, _ := c.cached(); set != nil && set.asked.After(after) {
			return set, nil
		}
		asked := c.now()
		keys, err := c.fetch(ctx)
		if err != nil {
			return nil, err
		}
		set := &keySet{asked, map[string]*clerk.JSONWebKey{}}
		for _, k := range keys {
			if usable(k) {
				set.byID[k.KeyID] = k
			}
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.current = set
		return set, nil
	})
}

// usable keys sign session tokens; others of the set are for something else.
func usable(k *clerk.JSONWebKey) bool {
	if k == nil || k.Algorithm != "RS256" || k.Use != "" && k.Use != "sig" {
		return false
	}
	public, ok := k.Key.(*rsa.PublicKey)
	return ok && public.N.BitLen() >= 2048
}

// mayAsk tells whether an unknown kid is worth a question to Clerk now.
func (c *keyCache) mayAsk(kid string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if now.Before(c.unknown[kid]) {
		return false
	}
	c.tokens = min(askBurst, c.tokens+float64(now.Sub(c.filled))/float64(askEvery))
	c.filled = now
	if c.tokens < 1 {
		return false
	}
	c.tokens--
	return true
}

func (c *keyCache) remember(kid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.unknown) >= unknownMost {
		clear(c.unknown)
	}
	c.unknown[kid] = c.now().Add(unknownFor)
}
