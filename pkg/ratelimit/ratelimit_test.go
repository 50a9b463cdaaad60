package ratelimit

import (
	"errors"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/fault"
)

func TestExactlyTheQuotaIsAdmittedByAllInstancesTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	charge := limit(t, 50).Of("anna")
	var instances [4]*Limiter
	for i := range instances {
		instances[i] = w.limiter(t)
	}
	var admitted, refused, lost atomic.Int64 // lost: counted or not, the lease of the epoch ended meanwhile
	var all sync.WaitGroup
	for i := range 400 {
		all.Go(func() {
			switch _, err := instances[i%len(instances)].Take(t.Context(), charge); {
			case err == nil:
				admitted.Add(1)
			case errors.Is(err, ErrExceeded):
				refused.Add(1)
			case fault.KindOf(err) == fault.Unavailable:
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := admitted.Load(); n > 50 || n+lost.Load() < 50 || n+lost.Load()+refused.Load() != 400 || lost.Load() > 300 {
		t.Errorf("%d admitted, %d refused, %d lost", n, refused.Load(), lost.Load())
	}
}

func TestEachLimitIsChargedOrNone(t *testing.T) {
	t.Parallel()
	l := newWorld(t, devstack.Options{}).limiter(t)
	wide, narrow := limit(t, 10).Of("anna"), limit(t, 2).Of("anna", "192.0.2.1")
	remaining := func(want ...int) {
		t.Helper()
		states, _ := l.Look(t.Context(), wide, narrow)
		for i, s := range states {
			if s.Remaining != want[i] {
				t.Errorf("%d remain, want %d", s.Remaining, want[i])
			}
		}
	}
	remaining(10, 2) // and looking costs nothing
	remaining(10, 2)
	for range 2 {
		if _, err := l.Take(t.Context(), wide, narrow); err != nil {
			t.Fatal(err)
		}
	}
	remaining(8, 0)
	_, err := l.Take(t.Context(), wide, narrow)
	refusal, ok := errors.AsType[*ExceededError](err)
	if !ok || len(refusal.States) != 1 || refusal.States[0].Limit.Quota != 2 {
		t.Fatalf("%v", err)
	}
	if f := fault.From(err); f.Kind != fault.TooManyRequests || f.RetryAfter < 11*time.Hour || f.RetryAfter > 12*time.Hour {
		t.Errorf("%v, after %s", f, f.RetryAfter)
	}
	if _, err := l.Look(t.Context(), narrow); !errors.Is(err, ErrExceeded) {
		t.Errorf("a look says %v", err)
	}
	remaining(8, 0)
	if _, err := l.Take(t.Context(), wide, limit(t, 2).Of("anna", "192.0.2.2")); err != nil {
		t.Errorf("another pair pays for this one: %v", err)
	}
	for range 4 { // once more than there was
		if err := l.GiveBack(t.Context(), wide, narrow); err != nil {
			t.Fatal(err)
		}
	}
	remaining(10, 2)
}

// What lies in Redis tells nobody who tried, and not for ever.
func TestKeysAreDigestsWithAnEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnRedis: true})
	l := w.limiter(t)
	if _, err := l.Take(t.Context(), limit(t, 2).Of("anna@example.com", "192.0.2.1")); err != nil {
		t.Fatal(err)
	}
	e, err := l.epochs.Current()
	if err != nil {
		t.Fatal(err)
	}
	key := limit(t, 2).Of("anna@example.com", "192.0.2.1").key
	if strings.Contains(key, "anna") || strings.Contains(key, "192") {
		t.Errorf("key %s", key)
	}
	if left, err := e.Redis().PTTL(t.Context(), key).Result(); err != nil || left <= 0 || left > 12*time.Hour {
		t.Errorf("lives for %s, %v", left, err)
	}
	if limit(t, 2).Of("a", "b").key == limit(t, 2).Of("ab").key {
		t.Error("two parts pass for one")
	}
}

func TestWithoutRedisNothingIsAdmitted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnRedis: true})
	l := w.limiter(t)
	if err := w.stack.Kill("redis"); err != nil {
		t.Fatal(err)
	}
	charge := limit(t, 10).Of("anna")
	_, err := l.Take(t.Context(), charge)
	_, look := l.Look(t.Context(), charge)
	for name, err := range map[string]error{"take": err, "look": look, "give back": l.GiveBack(t.Context(), charge)} {
		if f := fault.From(err); f == nil || f.Kind != fault.Unavailable || f.RetryAfter == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An answer that comes when the epoch is over is of a Redis that others may have
// left.
func TestALapsedEpochAdmitsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	l := w.limiter(t)
	old, err := l.epochs.Current()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.db.Pool().Exec(t.Context(), `UPDATE redis_epoch SET epoch = epoch + 1, ready = false`); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(2 * time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for old.Held() == nil {
		select {
		case <-deadline:
			t.Fatal("the epoch is still held")
		case <-tick.C:
		}
	}
	if _, err := New(stale{old}, nil).Take(t.Context(), limit(t, 10).Of("anna")); !errors.Is(err, epoch.ErrLapsed) {
		t.Errorf("%v", err)
	}
}

type stale struct{ *epoch.Epoch }

func (s stale) Current() (*epoch.Epoch, error) { return s.Epoch, nil }

func TestNetwork(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := Network(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	if Network(netip.Addr{}) == "" {
		t.Error("nobody is nobody")
	}
}

func TestAScriptThatRedisForgotIsSentAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnRedis: true})
	l := w.limiter(t)
	opts, err := redisfxOptions(w)
	if err != nil {
		t.Fatal(err)
	}
	admin := redis.NewClient(opts)
	defer func() { _ = admin.Close() }()
	for range 2 {
		if err := admin.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Take(t.Context(), limit(t, 10).Of("anna")); err != nil {
			t.Fatal(err)
		}
	}
}
