package clerksession

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clerk/clerk-sdk-go/v2"

	"tandem.example/pkg/bearer"
)

// upstream is what Clerk would publish.
type upstream struct {
	mu    sync.Mutex // guards kids and err
	kids  []string
	err   error
	calls atomic.Int64
	key   any
}

func newUpstream(t *testing.T, kids ...string) *upstream {
	t.Helper()
	return &upstream{kids: kids, key: &clerkKey(t).PublicKey}
}

func (u *upstream) set(err error, kids ...string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.kids, u.err = kids, err
}

func (u *upstream) fetch(context.Context) ([]*clerk.JSONWebKey, error) {
	u.calls.Add(1)
	u.mu.Lock()
	defer u.mu.Unlock()
	var keys []*clerk.JSONWebKey
	for _, kid := range u.kids {
		keys = append(keys, &clerk.JSONWebKey{Key: u.key, KeyID: kid, Algorithm: "RS256"})
	}
	return keys, u.err
}

func TestKeysAreFetchedOnceForMany(t *testing.T) {
	t.Parallel()
	up := newUpstream(t, "a")
	cache := newKeyCache(up.fetch, time.Now)
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			if _, err := cache.find(t.Context(), "a"); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := up.calls.Load(); n > 3 {
		t.Fatalf("%d calls for 64 callers", n)
	}
}

func TestUseDoesNotProlongAWithdrawnKey(t *testing.T) {
	t.Parallel()
	up := newUpstream(t, "a")
	synctest.Test(t, func(t *testing.T) {
		cache := newKeyCache(up.fetch, time.Now)
		if _, err := cache.find(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		up.set(errors.New("down"))
		for age := range 300 { // used at every second
			if _, err := cache.find(t.Context(), "a"); err != nil {
				t.Fatalf("refused after %d s", age)
			}
			<-time.After(time.Second)
		}
		if _, err := cache.find(t.Context(), "a"); err == nil {
			t.Fatal("accepted after 5 minutes without news of Clerk")
		}
		up.set(nil, "b")
		if _, err := cache.find(t.Context(), "a"); !errors.Is(err, bearer.ErrKey) {
			t.Fatalf("a withdrawn key: %v", err)
		}
		if n := up.calls.Load(); n > 12 {
			t.Fatalf("%d calls in 5 minutes", n)
		}
	})
}

func TestKeysAreRenewedBeforeTheyLapse(t *testing.T) {
	t.Parallel()
	up := newUpstream(t, "a")
	synctest.Test(t, func(t *testing.T) {
		cache := newKeyCache(up.fetch, time.Now)
		for range 60 {
			if _, err := cache.find(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
			<-time.After(30 * time.Second)
		}
		if n := up.calls.Load(); n < 6 || n > 8 {
			t.Fatalf("%d calls in half an hour", n)
		}
	})
}

func TestUnknownKidsAreBounded(t *testing.T) {
	t.Parallel()
	up := newUpstream(t, "a")
	synctest.Test(t, func(t *testing.T) {
		cache := newKeyCache(up.fetch, time.Now)
		if _, err := cache.find(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			for range 2 {
				if _, err := cache.find(t.Context(), fmt.Sprint("x", i)); !errors.Is(err, bearer.ErrKey) {
					t.Fatal(err)
				}
			}
		}
		if n := up.calls.Load(); n != 1+askBurst {
			t.Fatalf("%d calls for 1000 unknown kids", n)
		}
		<-time.After(askEvery)
		up.set(nil, "a", "new")
		if _, err := cache.find(t.Context(), "new"); err != nil {
			t.Fatalf("a new key after a flood: %v", err)
		}
		if len(cache.unknown) > unknownMost {
			t.Fatalf("%d kids remembered", len(cache.unknown))
		}
	})
}

func TestKeysForOtherUsesAreIgnored(t *testing.T) {
	t.Parallel()
	good := &clerk.JSONWebKey{Key: &clerkKey(t).PublicKey, KeyID: "a", Algorithm: "RS256", Use: "sig"}
	for name, spoil := range map[string]func(*clerk.JSONWebKey){
		"for encryption": func(k *clerk.JSONWebKey) { k.Use = "enc" },
		"algorithm":      func(k *clerk.JSONWebKey) { k.Algorithm = "HS256" },
		"symmetric":      func(k *clerk.JSONWebKey) { k.Key = []byte("secret") },
	} {
		bad := *good
		spoil(&bad)
		if !usable(good) || usable(&bad) || usable(nil) {
			t.Error(name)
		}
	}
}
