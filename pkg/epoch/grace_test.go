package epoch_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap/zaptest"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/epoch"
)

// cut is a store that can be taken away from one process alone.
type cut struct {
	*epoch.Postgres
	why atomic.Pointer[error]
}

func (c *cut) Get(ctx context.Context, region string) (epoch.Row, error) {
	if why := c.why.Load(); why != nil {
		return epoch.Row{}, *why
	}
	return c.Postgres.Get(ctx, region)
}

func (c *cut) off(why error) { c.why.Store(&why) }

func (c *cut) on() { c.why.Store(nil) }

// graceful starts a keeper with that grace over a store that can be cut off.
func (w world) graceful(grace time.Duration) (*epoch.Keeper, *cut) {
	w.t.Helper()
	store := &cut{Postgres: epoch.NewPostgres(w.db)}
	k := epoch.New(epoch.Config{
		Region: "here", Store: store, Options: redisOf(w.stack).Options, Grace: grace, Log: zaptest.NewLogger(w.t),
		Recover: func(context.Context, *epoch.Epoch) error { return nil },
	})
	k.Start()
	w.t.Cleanup(func() {
		if err := k.Stop(context.Background()); err != nil {
			w.t.Error(err)
		}
	})
	return k, store
}

// get makes a trip for one key.
func get(ctx context.Context, k *epoch.Keeper, key string) (value string, graced bool, err error) {
	trip, err := k.Reading()
	if err != nil {
		return "", false, err
	}
	cmd := redis.NewStringCmd(ctx, "get", key)
	trip.Add(cmd)
	err = trip.Do(ctx)
	return cmd.Val(), trip.Graced(), err
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

func lapsed(k *epoch.Keeper) func() bool {
	return func() bool { _, err := k.Current(); return err != nil }
}

func TestReadersHaveAGraceWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k, store := w.graceful(time.Hour)
	e := await(t, k, 1)
	if err := set(t.Context(), e, "k", "v"); err != nil {
		t.Fatal(err)
	}
	if value, graced, err := get(t.Context(), k, "k"); value != "v" || graced || err != nil {
		t.Errorf("under the lease: %q, %t, %v", value, graced, err)
	}
	store.off(crdb.ErrUnavailable)
	until(t, "the lease lapses", lapsed(k))
	until(t, "readers are answered", func() bool {
		value, graced, err := get(t.Context(), k, "k")
		return value == "v" && graced && err == nil && k.Answers() == nil
	})
	if err := set(t.Context(), e, "k", "w"); !errors.Is(err, epoch.ErrLapsed) {
		t.Errorf("more than a reader was let through: %v", err)
	}
	if err := k.Ready(); !errors.Is(err, crdb.ErrUnavailable) {
		t.Errorf("readiness: %v", err)
	}
	store.on()
	await(t, k, 1)
	if _, graced, err := get(t.Context(), k, "k"); graced || err != nil {
		t.Errorf("with the database again: %t, %v", graced, err)
	}
}

func TestGraceEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k, store := w.graceful(time.Second)
	await(t, k, 1)
	store.off(crdb.ErrUnavailable)
	until(t, "readers have a grace", func() bool { _, graced, err := get(t.Context(), k, "k"); return graced && err == nil })
	until(t, "and then have none", func() bool { _, _, err := get(t.Context(), k, "k"); return err != nil })
	if err := k.Answers(); !errors.Is(err, crdb.ErrUnavailable) {
		t.Errorf("why: %v", err)
	}
}

// Whoever asks for no grace gets none, and a database that answers wrongly is
// not one that is away.
func TestNoGraceWithoutNeed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		grace time.Duration
		why   error
	}{
		"not asked for":       {0, crdb.ErrUnavailable},
		"no right to the row": {time.Hour, errNoReplay},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			k, store := w.graceful(c.grace)
			await(t, k, 1)
			store.off(c.why)
			until(t, "the lease lapses", lapsed(k))
			for range 100 {
				if _, err := k.Reading(); err == nil {
					if _, held := k.Current(); held != nil {
						t.Fatal("a reader was let through")
					}
				}
			}
		})
	}
}

// An empty or an old Redis in the place of the one that was held answers nobody,
// however long the database is away.
func TestNoGraceOnAnotherRedis(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k, store := w.graceful(time.Hour)
	await(t, k, 1)
	store.off(crdb.ErrUnavailable)
	until(t, "readers have a grace", func() bool { _, graced, err := get(t.Context(), k, "k"); return graced && err == nil })
	if err := w.stack.Kill("redis"); err != nil {
		t.Fatal(err)
	}
	if err := w.stack.Start(t.Context(), "redis"); err != nil {
		t.Fatal(err)
	}
	until(t, "the other server is seen", func() bool {
		if _, _, err := get(t.Context(), k, "k"); err == nil {
			t.Fatal("another Redis answered a reader")
		}
		_, err := k.Reading()
		return err != nil && k.Reached() == nil
	})
}

// Whoever is cut off from the database learns from Redis that the epoch was raised
// by hand: from then on others write under another number, and it would not see it.
func TestNoGraceOnceTheEpochIsRaised(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k, store := w.graceful(time.Hour)
	other := w.keeper(w.stack, func(context.Context, *epoch.Epoch) error { return nil })
	await(t, k, 1)
	await(t, other, 1)
	store.off(crdb.ErrUnavailable)
	until(t, "readers have a grace", func() bool { _, graced, err := get(t.Context(), k, "k"); return graced && err == nil })
	if _, err := w.db.Pool().Exec(t.Context(), `UPDATE redis_epoch SET epoch = epoch + 1, ready = false`); err != nil {
		t.Fatal(err)
	}
	await(t, other, 2)
	if _, graced, err := get(t.Context(), k, "k"); err == nil {
		t.Errorf("a reader of the epoch before was answered (graced: %t)", graced)
	}
}
