package app_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"tandem.example/pkg/devstack"
)

// shared is a world with two instances for all tests that break nothing. They
// keep apart by their tenants.
var shared struct {
	once        sync.Once
	world       world
	first, next *instance
	cleanups    []func()
}

// lasting is a test that does not end before the binary does.
type lasting struct{ testing.TB }

// Context implements [testing.TB].
func (lasting) Context() context.Context { return context.Background() }

// Cleanup implements [testing.TB].
func (lasting) Cleanup(f func()) { shared.cleanups = append(shared.cleanups, f) }

// serving gives the shared world and its instances, with clients that report to
// this test.
func serving(t *testing.T) (w world, first, next *instance) {
	t.Helper()
	shared.once.Do(func() {
		long := lasting{t}
		shared.world = newWorld(long, devstack.Options{})
		shared.first, shared.next = shared.world.start(long), shared.world.start(long)
	})
	if shared.next == nil {
		t.Fatal("the shared world could not be made")
	}
	w = shared.world
	first, next = w.reach(t, shared.first.url, shared.first.admin), w.reach(t, shared.next.url, shared.next.admin)
	first.calm, next.calm = w.calm, w.calm
	return w, first, next
}

func endShared() {
	for _, f := range slices.Backward(shared.cleanups) {
		f()
	}
}
