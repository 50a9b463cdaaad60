package epoch_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap/zaptest"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/redisfx"
)

func TestTheFirstEpochOpensAtOnceAndForAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	waiting := w.keeper(w.stack, nil)
	var replays atomic.Int64
	opening := w.keeper(w.stack, counting(&replays))
	a, b := await(t, waiting, 1), await(t, opening, 1)
	if a.Number() != 1 || b.Number() != 1 || replays.Load() == 0 {
		t.Fatalf("epochs %d and %d after %d replays", a.Number(), b.Number(), replays.Load())
	}
	if err := set(t.Context(), a, "k", "v"); err != nil {
		t.Fatal(err)
	}
	if err := a.Do(t.Context(), redis.NewStringCmd(t.Context(), "get", "nothing")); err != nil {
		t.Fatalf("a missing key is an error: %v", err)
	}
}

// Without auth nobody knows which tokens were revoked, so nothing is served.
func TestNobodyServesBeforeTheReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	broken := w.keeper(w.stack, func(context.Context, *epoch.Epoch) error { return errNoReplay })
	waiting := w.keeper(w.stack, nil)
	deadline := time.After(2 * time.Second)
	<-deadline
	for _, k := range []*epoch.Keeper{broken, waiting} {
		if _, err := k.Current(); !errors.Is(err, epoch.ErrNotReady) {
			t.Errorf("current: %v", err)
		}
	}
	if err := broken.Ready(); !errors.Is(err, errNoReplay) {
		t.Errorf("readiness does not say why: %v", err)
	}
}

// There may be millions of tombstones. A recovery that is given up begins anew.
func TestARecoveryMayTakeLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var left atomic.Int64
	await(t, w.keeper(w.stack, func(ctx context.Context, _ *epoch.Epoch) error {
		if deadline, ok := ctx.Deadline(); ok {
			left.Store(int64(time.Until(deadline)))
		}
		return nil
	}), 1)
	if got := time.Duration(left.Load()); got < 30*time.Minute {
		t.Errorf("it has %s", got)
	}
}

// A restarted Redis has lost its data, or has it back from an old dump: another
// epoch, which opens only after every lease on the one before has ended.
func TestARestartedRedisIsAnotherEpoch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var replays atomic.Int64
	k, other := w.keeper(w.stack, counting(&replays)), w.keeper(w.stack, nil)
	old := await(t, k, 1)
	await(t, other, 1)
	if err := w.stack.Kill("redis"); err != nil {
		t.Fatal(err)
	}
	if err := old.Do(t.Context(), redis.NewStringCmd(t.Context(), "get", "k")); !errors.Is(err, epoch.ErrUnavailable) {
		t.Fatalf("a dead server answered: %v", err)
	}
	replays.Store(0)
	begin := time.Now()
	if err := w.stack.Start(t.Context(), "redis"); err != nil {
		t.Fatal(err)
	}
	next := await(t, k, 2)
	if waited := time.Since(begin); waited < 2*time.Second {
		t.Errorf("the new epoch opened after %s, within a lease on the old one", waited)
	}
	if replays.Load() == 0 {
		t.Error("it opened without a replay")
	}
	if err := old.Held(); !errors.Is(err, epoch.ErrLapsed) {
		t.Errorf("the old epoch is still held: %v", err)
	}
	if err := next.Held(); err != nil {
		t.Error(err)
	}
	if n := await(t, other, 2).Number(); n != next.Number() {
		t.Errorf("two processes are in epochs %d and %d", next.Number(), n)
	}
}

// Two halves of a split: each sees a healthy primary. Only one may be used, and
// they must not take the region from each other in turns.
func TestASplitRegionUsesOneServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	elsewhere := devstack.T(t, devstack.Options{Redis: true, OwnRedis: true})
	var replays atomic.Int64
	left := w.keeper(w.stack, counting(&replays))
	await(t, left, 1)
	right := w.keeper(elsewhere, counting(&replays))
	won := await(t, right, 2)
	if e, err := left.Current(); err == nil && e.Held() == nil {
		t.Fatalf("both halves hold an epoch: %d and %d", e.Number(), won.Number())
	}
	deadline := time.After(5 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if e, err := left.Current(); err == nil {
				t.Fatalf("the other half took epoch %d", e.Number())
			}
		case <-deadline:
			if won.Held() != nil {
				t.Fatalf("the winner lost its epoch: %v", right.Ready())
			}
			return
		}
	}
}

// A demoted server keeps its run id. What it holds after a promotion is what its
// primary held meanwhile: another incarnation.
func TestADemotedServerIsAnotherEpochWhenItComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var replays atomic.Int64
	k := w.keeper(w.stack, counting(&replays))
	await(t, k, 1)
	admin := redis.NewClient(w.options())
	defer admin.Close() //nolint:errcheck // nothing follows
	if err := admin.Do(t.Context(), "replicaof", "127.0.0.1", "1").Err(); err != nil {
		t.Fatal(err)
	}
	awaitLoss(t, k)
	if err := admin.Do(t.Context(), "replicaof", "no", "one").Err(); err != nil {
		t.Fatal(err)
	}
	await(t, k, 2)
}

func TestALeaseEndsWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var replays atomic.Int64
	k := w.keeper(w.stack, counting(&replays))
	e := await(t, k, 1)
	w.db.Close()
	awaitLoss(t, k)
	if err := e.Held(); !errors.Is(err, epoch.ErrLapsed) {
		t.Errorf("held: %v", err)
	}
	if err := set(t.Context(), e, "k", "v"); !errors.Is(err, epoch.ErrLapsed) {
		t.Errorf("a reply counts that no lease covers: %v", err)
	}
}

func TestAnEvictingServerIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var replays atomic.Int64
	k := w.keeper(w.stack, counting(&replays))
	e := await(t, k, 1)
	if err := e.Redis().ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err(); err != nil {
		t.Fatal(err)
	}
	awaitLoss(t, k)
	if err := e.Redis().ConfigSet(t.Context(), "maxmemory-policy", "noeviction").Err(); err != nil {
		t.Fatal(err)
	}
	await(t, k, 1)
}

func TestAServerThatEvictedBeforeTheStartIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := redis.NewClient(w.options())
	defer admin.Close() //nolint:errcheck // nothing follows
	if err := admin.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lfu").Err(); err != nil {
		t.Fatal(err)
	}
	var replays atomic.Int64
	k := w.keeper(w.stack, counting(&replays))
	deadline := time.After(2 * time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !errors.Is(k.Ready(), redisfx.ErrEvicts) {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not refused: %v", k.Ready())
		}
	}
	if _, err := k.Current(); !errors.Is(err, epoch.ErrUnavailable) || replays.Load() != 0 {
		t.Errorf("%v after %d replays", err, replays.Load())
	}
	// Keys with an expiry may go: no marker has one.
	if err := admin.ConfigSet(t.Context(), "maxmemory-policy", "volatile-lru").Err(); err != nil {
		t.Fatal(err)
	}
	await(t, k, 1)
}

func awaitLoss(t *testing.T, k *epoch.Keeper) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := k.Current(); err != nil {
			return
		}
		select {
		case <-deadline:
			t.Fatal("the epoch is still held")
		case <-tick.C:
		}
	}
}

// silent is a database that goes silent once, at the moment of opening.
type silent struct {
	*epoch.Postgres
	once sync.Once
}

func (s *silent) MarkReady(ctx context.Context, region string, number int64) (err error) {
	s.once.Do(func() {
		<-ctx.Done()
		err = ctx.Err()
	})
	if err != nil {
		return err
	}
	return s.Postgres.MarkReady(ctx, region, number)
}

func TestADatabaseThatGoesSilentDelaysNoOpeningForLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := epoch.New(epoch.Config{
		Region: "here", Store: &silent{Postgres: epoch.NewPostgres(w.db)}, Options: redisOf(w.stack).Options,
		Recover: func(context.Context, *epoch.Epoch) error { return nil }, Log: zaptest.NewLogger(t),
	})
	k.Start()
	t.Cleanup(func() {
		if err := k.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	await(t, k, 1)
}
