package sessions

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/zap/zaptest"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/env"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/fault"
	"tandem.example/pkg/redisfx"
)

// newRegions makes two regions on one database, each with a Redis of its own.
func newRegions(t *testing.T) (here, there *world) {
	t.Helper()
	here = newWorld(t, devstack.Options{})
	there = &world{tb: t, stack: devstack.T(t, devstack.Options{OwnRedis: true}), db: here.db}
	here.join("here", "there", there.stack)
	there.join("there", "here", here.stack)
	for _, w := range []*world{here, there} {
		w.await("both regions are open", func() bool {
			held, err := w.epochs.Everywhere()
			return err == nil && len(held) == 2
		})
	}
	return here, there
}

// join gives the world a store that knows of another region, too.
func (w *world) join(name, peer string, at *devstack.Stack) {
	w.tb.Helper()
	cfg := func(region string, stack *devstack.Stack) epoch.Config {
		return epoch.Config{
			Region: region, Store: epoch.NewPostgres(w.db), Log: zaptest.NewLogger(w.tb),
			Options: redisfx.Config{URL: env.Secret(stack.RedisURL), UseTLS: true, CAFile: stack.CAFile, PoolSize: 16}.Options,
		}
	}
	if w.keeper != nil { // that knows of no other
		if err := w.keeper.Stop(w.tb.Context()); err != nil {
			w.tb.Fatal(err)
		}
	}
	own, other := cfg(name, w.stack), cfg(peer, at)
	own.Recover, own.Peers, other.Peer = bearer.NewTombstones(w.db).Replay, []string{peer}, true
	w.keeper = epoch.New(own)
	regions := epoch.NewRegions(w.keeper, epoch.New(other))
	regions.Start()
	w.tb.Cleanup(func() {
		if err := regions.Stop(context.Background()); err != nil {
			w.tb.Error(err)
		}
	})
	w.Store = NewStore(regions, NewRows(w.db), refresher(w.tb, secretA, ""), usual, nil)
}

// steadily asks again while a machine that is too busy lets a lease lapse.
func steadily(t *testing.T, w *world, end func(context.Context) (int64, error)) (n int64) {
	t.Helper()
	w.await("it is ended", func() bool {
		some, err := end(t.Context())
		if err != nil && fault.KindOf(err) != fault.Unavailable {
			t.Fatal(err)
		}
		n += some
		return err == nil
	})
	return n
}

// Whatever ends a session ends it where it lives, wherever the end is asked for.
func TestAnEndReachesEveryRegion(t *testing.T) {
	t.Parallel()
	here, there := newRegions(t)
	ends := there.ends("user", "web")
	ends["one"] = func(ctx context.Context) (int64, error) {
		var id string
		err := here.db.Pool().QueryRow(ctx, `SELECT id::TEXT FROM sessions WHERE subject = 'user'`).Scan(&id)
		if err != nil {
			return 0, fault.From(err)
		}
		return there.EndSession(ctx, "user", id)
	}
	for name, end := range ends {
		i := here.login("user", "web")
		if there.live(i) {
			t.Fatal("a session lives in two regions")
		}
		listed, _, err := there.List(t.Context(), "user", "")
		if err != nil && fault.KindOf(err) != fault.Unavailable || err == nil && (len(listed) != 1 || listed[0].LastUsed.IsZero()) {
			t.Errorf("%s: elsewhere it is listed as %+v, %v", name, listed, err)
		}
		if n := steadily(t, there, end); n != 1 || here.live(i) {
			t.Errorf("%s: ended %d", name, n)
		}
		// Between its row and Redis a login is still to be made.
		here.at = func(step string) {
			if step == "login committed" {
				here.at = func(string) {}
				steadily(t, there, end)
			}
		}
		if late, err := here.try("user", "web", nil); !errors.Is(err, ErrMoved) || here.live(late) {
			t.Errorf("%s: a login under way: %v", name, err)
		}
	}
	i := here.login("user", "web")
	claims := bearer.Claims{Subject: "user", ID: i.TokenID, SessionID: i.SessionID, ClientID: "web", Expires: i.Expires.Unix()}
	if n := steadily(t, there, func(ctx context.Context) (int64, error) { return there.EndToken(ctx, &claims) }); n != 1 || here.live(i) {
		t.Errorf("one token: ended %d", n)
	}
	if n := steadily(t, there, func(ctx context.Context) (int64, error) { return there.EndRefresh(ctx, i.Refresh, "web") }); n != 1 {
		t.Errorf("by its refresh token: ended %d", n)
	}
}

// A region whose Redis is away cannot have heard of an end: that is not
// acknowledged. In this region it is done, however large it is, and there once its
// Redis is back.
func TestAnEndWaitsForTheRegionThatIsAway(t *testing.T) {
	t.Parallel()
	here, there := newRegions(t)
	there.many(2*page+10, "user", "web")
	mine, theirs := here.login("user", "web"), there.login("user", "web")
	if err := here.stack.Kill("redis"); err != nil {
		t.Fatal(err)
	}
	var n int64
	there.await("it is ended in this region", func() bool { // a busy machine may let the own lease lapse
		some, err := there.EndSubject(t.Context(), "user", "", nil)
		if n += some; fault.KindOf(err) != fault.Unavailable {
			t.Fatalf("acknowledged: %v", err)
		}
		return errors.Is(err, ErrElsewhere)
	})
	if n != 2*page+11 || there.live(theirs) {
		t.Errorf("%d ended", n)
	}
	left := there.count(`SELECT count(*) FROM sessions`)
	if left != 2*page+12 {
		t.Errorf("%d rows are left", left)
	}
	there.grown()
	if _, err := there.Resume(t.Context()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("finished while a region is away: %v", err)
	}
	if err := here.stack.Start(t.Context(), "redis"); err != nil {
		t.Fatal(err)
	}
	here.epoch(2)
	if here.live(mine) {
		t.Error("it lives on where it was not heard of")
	}
	there.await("somebody finishes it", func() bool {
		there.grown()
		_, err := there.Resume(t.Context())
		return err == nil && there.count(`SELECT count(*) FROM sessions`)+there.count(`SELECT count(*) FROM cutoffs WHERE pending`) == 0
	})
}

// The lease on the other region's Redis lapses, or its process stops, and what is
// in there stays: the tombstones are what ends it before it serves again.
func TestARegionThatComesBackHasHeardOfEveryEnd(t *testing.T) {
	t.Parallel()
	here, there := newRegions(t)
	i := here.login("user", "web")
	e := here.epoch(1)
	// Another process of the region, that neither heard of the end nor lost its data.
	if _, err := here.db.Pool().Exec(t.Context(), `UPDATE redis_epoch SET epoch = epoch + 1, ready = false WHERE region = 'here'`); err != nil {
		t.Fatal(err)
	}
	_, err := there.EndSession(t.Context(), "user", i.SessionID)
	if err != nil && fault.KindOf(err) != fault.Unavailable {
		t.Fatal(err)
	}
	here.await("the region is open again", func() bool { now, err := here.epochs.Current(); return err == nil && now.Number() > e.Number() })
	if here.live(i) {
		t.Error("a session lives on")
	}
}

// A region that this process does not know of cannot be told.
func TestAnEndIsNotAcknowledgedWhereARegionIsUnknown(t *testing.T) {
	t.Parallel()
	here, there := newRegions(t)
	i := there.login("user", "web")
	alone := NewStore(epoch.NewRegions(here.keeper), NewRows(here.db), refresher(t, secretA, ""), usual, nil)
	here.await("the region is missed", func() bool {
		_, err := alone.EndSession(t.Context(), "user", i.SessionID)
		if fault.KindOf(err) != fault.Unavailable {
			t.Fatalf("acknowledged: %v", err)
		}
		return errors.Is(err, epoch.ErrUnknownRegion)
	})
	if n := steadily(t, here, func(ctx context.Context) (int64, error) { return here.EndSession(ctx, "user", i.SessionID) }); n != 1 || there.live(i) {
		t.Errorf("ended %d", n)
	}
}
