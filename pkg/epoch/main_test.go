package epoch_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/env"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/redisfx"
)

func TestMain(m *testing.M) { devstack.Main(m) }

// world is a database and a Redis of the test's own.
type world struct {
	t     *testing.T
	stack *devstack.Stack
	db    *crdb.DB
}

func newWorld(t *testing.T) world {
	t.Helper()
	stack := devstack.T(t, devstack.Options{Database: true, Redis: true, OwnRedis: true})
	url := env.Secret(stack.DatabaseURL)
	if err := crdb.Migrate(t.Context(), url, zaptest.NewLogger(t), epoch.Migrations()); err != nil {
		t.Fatal(err)
	}
	db, err := crdb.Open(crdb.Config{URL: url, MaxConns: 8, ConnectTimeout: time.Minute, StatementTimeout: 20 * time.Second}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return world{t, stack, db}
}

// keeper starts a keeper that leads to stack's Redis. A recovery that is nil
// makes one that cannot open an epoch.
func (w world) keeper(stack *devstack.Stack, recover epoch.Recovery) *epoch.Keeper {
	w.t.Helper()
	k := epoch.New(epoch.Config{
		Region: "here", Store: epoch.NewPostgres(w.db), Options: redisOf(stack).Options, Recover: recover,
		Log: zaptest.NewLogger(w.t), Metrics: prometheus.NewRegistry(),
	})
	k.Start()
	w.t.Cleanup(func() {
		if err := k.Stop(context.Background()); err != nil {
			w.t.Error(err)
		}
	})
	return k
}

func redisOf(stack *devstack.Stack) redisfx.Config {
	return redisfx.Config{URL: env.Secret(stack.RedisURL), UseTLS: true, CAFile: stack.CAFile, PoolSize: 4}
}

func (w world) options() *redis.Options {
	w.t.Helper()
	opts, err := redisOf(w.stack).Options()
	if err != nil {
		w.t.Fatal(err)
	}
	return opts
}

func counting(n *atomic.Int64) epoch.Recovery {
	return func(context.Context, *epoch.Epoch) error { n.Add(1); return nil }
}

// await polls until there is an epoch of at least that number.
func await(t *testing.T, k *epoch.Keeper, atLeast int64) *epoch.Epoch {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if e, err := k.Current(); err == nil && e.Number() >= atLeast {
			return e
		}
		select {
		case <-deadline:
			t.Fatalf("no epoch %d: %v", atLeast, k.Ready())
		case <-tick.C:
		}
	}
}

func set(ctx context.Context, e *epoch.Epoch, key, value string) error {
	return e.Do(ctx, redis.NewStatusCmd(ctx, "set", key, value, "px", 60_000))
}

var errNoReplay = errors.New("tombstones cannot be read")

func TestNoGoroutineIsLeft(t *testing.T) { //nolint:paralleltest // it looks at every goroutine of the process
	w := newWorld(t)
	before := goleak.IgnoreCurrent()
	k := epoch.New(epoch.Config{
		Region: "here", Store: epoch.NewPostgres(w.db), Recover: func(context.Context, *epoch.Epoch) error { return nil },
		Options: redisOf(w.stack).Options, Log: zaptest.NewLogger(t),
	})
	k.Start()
	await(t, k, 1)
	if err := k.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t, before)
}
