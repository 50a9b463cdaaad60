package epoch_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/zaptest"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/epoch"
)

// A region that does not know the others would leave them out of what has to be
// done in all of them.
func TestARegionEntersOnlyIfItKnowsTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	store := epoch.NewPostgres(w.db)
	if won, err := store.Advance(t.Context(), "here", 0, "a", nil); err != nil || !won {
		t.Fatalf("the first region: %t, %v", won, err)
	}
	if _, err := store.Advance(t.Context(), "there", 0, "b", nil); !errors.Is(err, epoch.ErrUnknownRegion) {
		t.Errorf("a second region that knows no other: %v", err)
	}
	if won, err := store.Advance(t.Context(), "there", 0, "a", []string{"here"}); err == nil || won {
		t.Errorf("a second region on the first one's server: %t, %v", won, err)
	}
	if won, err := store.Advance(t.Context(), "there", 0, "b", []string{"here"}); err != nil || !won {
		t.Errorf("a second region that knows the first: %t, %v", won, err)
	}
	if _, err := store.Advance(t.Context(), "yonder", 0, "c", []string{"here"}); !errors.Is(err, epoch.ErrUnknownRegion) {
		t.Errorf("a third region that knows one of two: %v", err)
	}
	if won, err := store.Advance(t.Context(), "here", 0, "b", nil); err != nil || won {
		t.Errorf("the first region once more: %t, %v", won, err)
	}
	if won, err := store.Advance(t.Context(), "there", 1, "a", nil); err != nil || won {
		t.Errorf("the second region moves to the first one's server: %t, %v", won, err)
	}
	row, err := store.Get(t.Context(), "here")
	if err != nil || row.Epoch != 1 || len(row.Others) != 1 || row.Others[0] != "there" {
		t.Errorf("row: %+v, %v", row, err)
	}
}

// in is a process of a region that can reach one other, at a second server.
func (w world) in(region, peer string, own, other *devstack.Stack, recover epoch.Recovery) *epoch.Regions {
	w.t.Helper()
	cfg := epoch.Config{
		Region: region, Store: epoch.NewPostgres(w.db), Options: redisOf(own).Options, Recover: recover,
		Log: zaptest.NewLogger(w.t), Metrics: prometheus.NewRegistry(),
	}
	var peers []*epoch.Keeper
	if other != nil {
		cfg.Peers = []string{peer}
		far := cfg
		far.Region, far.Peer, far.Recover, far.Options, far.Metrics = peer, true, nil, redisOf(other).Options, prometheus.NewRegistry()
		peers = append(peers, epoch.New(far))
	}
	r := epoch.NewRegions(epoch.New(cfg), peers...)
	r.Start()
	w.t.Cleanup(func() {
		if err := r.Stop(context.Background()); err != nil {
			w.t.Error(err)
		}
	})
	return r
}

// awaitIn polls until the region's epoch is held and has at least that number.
func awaitIn(t *testing.T, r *epoch.Regions, region string, atLeast int64) *epoch.Epoch {
	t.Helper()
	var held *epoch.Epoch
	until(t, "an epoch of "+region, func() bool {
		e, err := r.In(region)
		held = e
		return err == nil && e.Number() >= atLeast
	})
	return held
}

// What a process does elsewhere it does in the epochs of others: it neither
// declares them nor opens them.
func TestAPeerIsFollowedAndNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	there := devstack.T(t, devstack.Options{Redis: true, OwnRedis: true})
	var replays atomic.Int64
	store := epoch.NewPostgres(w.db)
	far := w.in("us", "eu", there, w.stack, counting(&replays))
	awaitIn(t, far, "us", 1)
	if _, err := far.In("eu"); !errors.Is(err, epoch.ErrNotReady) {
		t.Errorf("a region that there is not: %v", err)
	}
	if row, err := store.Get(t.Context(), "eu"); err != nil || row.Epoch != 0 {
		t.Errorf("the peer was entered: %+v, %v", row, err)
	}
	near := w.in("eu", "us", w.stack, there, counting(&replays))
	e := awaitIn(t, far, "eu", 1)
	if e.Region() != "eu" || e.Number() != 1 || far.Home() != "us" {
		t.Fatalf("epoch %d of %s", e.Number(), e.Region())
	}
	if err := set(t.Context(), e, "k", "v"); err != nil {
		t.Fatal(err)
	}
	awaitIn(t, near, "us", 1)
	until(t, "both regions are known", func() bool {
		held, err := near.Everywhere()
		return err == nil && len(held) == 2
	})
	// Nobody of its own is there to declare another server the current one.
	if err := near.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.stack.Kill("redis"); err != nil {
		t.Fatal(err)
	}
	until(t, "the peer is away", func() bool { return far.Ready("eu") != nil })
	until(t, "one region is left", func() bool {
		held, err := far.Everywhere()
		return errors.Is(err, epoch.ErrUnavailable) && len(held) == 1 && held[0].Region() == "us"
	})
	if err := w.stack.Start(t.Context(), "redis"); err != nil {
		t.Fatal(err)
	}
	until(t, "it is seen to be another server", func() bool { return errors.Is(far.Ready("eu"), epoch.ErrNotReady) })
	if row, err := store.Get(t.Context(), "eu"); err != nil || row.Epoch != 1 {
		t.Errorf("the peer was advanced: %+v, %v", row, err)
	}
	if err := e.Held(); !errors.Is(err, epoch.ErrLapsed) {
		t.Errorf("the old epoch: %v", err)
	}
	w.in("eu", "us", w.stack, there, counting(&replays))
	awaitIn(t, far, "eu", 2)
}

// Whoever enters a region must be able to open it at once: until then nothing can
// be done everywhere.
func TestARegionAmongOthersIsEnteredByWhoOpensIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	there := devstack.T(t, devstack.Options{Redis: true, OwnRedis: true})
	var replays atomic.Int64
	awaitIn(t, w.in("eu", "us", w.stack, there, counting(&replays)), "eu", 1)
	waiting := w.in("us", "eu", there, w.stack, nil)
	until(t, "it is told to wait", func() bool { return errors.Is(waiting.Ready("us"), epoch.ErrUnknownRegion) })
	w.in("us", "eu", there, w.stack, counting(&replays))
	awaitIn(t, waiting, "us", 1)
}

// A process that has read the names of the regions relies on them for a lease.
// A region that opened before that ends would be left out.
func TestANewRegionWaitsForThoseWhoDoNotKnowIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	there := devstack.T(t, devstack.Options{Redis: true, OwnRedis: true})
	var replays, asked, missed atomic.Int64
	first := w.in("eu", "", w.stack, nil, counting(&replays))
	awaitIn(t, first, "eu", 1)
	until(t, "it knows of itself", func() bool {
		held, err := first.Everywhere()
		return err == nil && len(held) == 1
	})
	second := w.in("us", "eu", there, w.stack, func(context.Context, *epoch.Epoch) error {
		asked.Add(1)
		if _, err := first.Everywhere(); err == nil {
			missed.Add(1)
		}
		return nil
	})
	awaitIn(t, second, "us", 1)
	if asked.Load() == 0 || missed.Load() > 0 {
		t.Errorf("%d recoveries began, %d of them unknown to another", asked.Load(), missed.Load())
	}
	until(t, "a region is not left out", func() bool {
		_, err := first.Everywhere()
		return errors.Is(err, epoch.ErrUnknownRegion)
	})
	if _, err := first.In("us"); !errors.Is(err, epoch.ErrUnknownRegion) {
		t.Errorf("a region that it cannot reach: %v", err)
	}
}
