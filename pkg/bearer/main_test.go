package bearer_test

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap/zaptest"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/crdb"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/env"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/redisfx"
)

func TestMain(m *testing.M) { devstack.Main(m) }

// world is a database, a Redis of its own and a keeper that leads to it.
type world struct {
	stack  *devstack.Stack
	graves *bearer.Tombstones
	keeper *epoch.Keeper
}

func newWorld(t *testing.T, more ...devstack.Options) world {
	t.Helper()
	options := devstack.Options{Database: true, Redis: true, OwnRedis: true}
	for _, o := range more {
		options.OwnDatabase = options.OwnDatabase || o.OwnDatabase
	}
	stack := devstack.T(t, options)
	url := env.Secret(stack.DatabaseURL)
	if err := crdb.Migrate(t.Context(), url, zaptest.NewLogger(t), epoch.Migrations(), bearer.Migrations()); err != nil {
		t.Fatal(err)
	}
	db, err := crdb.Open(crdb.Config{URL: url, MaxConns: 8, ConnectTimeout: time.Minute, StatementTimeout: 20 * time.Second}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	w := world{stack: stack, graves: bearer.NewTombstones(db)}
	cfg := redisfx.Config{URL: env.Secret(stack.RedisURL), UseTLS: true, CAFile: stack.CAFile, PoolSize: 4}
	w.keeper = epoch.New(epoch.Config{
		Region: "here", Store: epoch.NewPostgres(db), Options: cfg.Options, Recover: w.graves.Replay,
		Log: zaptest.NewLogger(t), Metrics: prometheus.NewRegistry(),
	})
	w.keeper.Start()
	t.Cleanup(func() {
		if err := w.keeper.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return w
}

// epoch waits until one of at least that number is held.
func (w world) epoch(t *testing.T, atLeast int64) *epoch.Epoch {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if e, err := w.keeper.Current(); err == nil && e.Number() >= atLeast {
			return e
		}
		select {
		case <-deadline:
			t.Fatalf("no epoch %d: %v", atLeast, w.keeper.Ready())
		case <-tick.C:
		}
	}
}

// enliven sets keys as a login does.
func enliven(t *testing.T, client redis.Cmdable, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if err := client.Set(t.Context(), key, "1", time.Minute).Err(); err != nil {
			t.Fatal(err)
		}
	}
}
