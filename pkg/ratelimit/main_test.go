package ratelimit

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap/zaptest"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/env"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/redisfx"
)

func TestMain(m *testing.M) { devstack.Main(m) }

// world is a database and a Redis that instances count in.
type world struct {
	stack *devstack.Stack
	db    *crdb.DB
}

func newWorld(t *testing.T, o devstack.Options) world {
	t.Helper()
	o.Database, o.Redis = true, true
	stack := devstack.T(t, o)
	url := env.Secret(stack.DatabaseURL)
	if err := crdb.Migrate(t.Context(), url, zaptest.NewLogger(t), epoch.Migrations()); err != nil {
		t.Fatal(err)
	}
	db, err := crdb.Open(crdb.Config{URL: url, MaxConns: 8, ConnectTimeout: time.Minute, StatementTimeout: 2 * time.Minute}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return world{stack, db}
}

// limiter is one of an instance of its own, which may use Redis as services do.
func (w world) limiter(t *testing.T) *Limiter {
	t.Helper()
	cfg := redisfx.Config{URL: env.Secret(w.stack.RedisURLFor(devstack.Auth)), UseTLS: true, CAFile: w.stack.CAFile, PoolSize: 8}
	k := epoch.New(epoch.Config{
		Region: "here", Store: epoch.NewPostgres(w.db), Options: cfg.Options, Log: zaptest.NewLogger(t),
		Recover: func(context.Context, *epoch.Epoch) error { return nil },
	})
	k.Start()
	t.Cleanup(func() {
		if err := k.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	deadline := time.After(2 * time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for k.Ready() != nil {
		select {
		case <-deadline:
			t.Fatalf("no epoch: %v", k.Ready())
		case <-tick.C:
		}
	}
	return New(k, prometheus.NewRegistry())
}

// redisfxOptions leads to the same Redis with all rights.
func redisfxOptions(w world) (*redis.Options, error) {
	return redisfx.Config{URL: env.Secret(w.stack.RedisURL), UseTLS: true, CAFile: w.stack.CAFile, PoolSize: 8}.Options()
}

// limit regains nothing while a test runs.
func limit(t *testing.T, quota int) Limit {
	t.Helper()
	return Limit{Name: t.Name(), Rate: Rate{quota, maxWindow}}
}
