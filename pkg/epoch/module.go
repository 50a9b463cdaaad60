package epoch

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/env"
	"tandem.example/pkg/redisfx"
)

// Module provides *Keeper, renewing from start to stop. A service that can open
// an epoch supplies a [Recovery]; one that supplies none waits for it.
var Module = fx.Module("epoch", fx.Provide(provide))

// Grace is the type of [Config].Grace as fx knows it.
type Grace time.Duration

type params struct {
	fx.In

	App      env.App
	Redis    redisfx.Config
	Database crdb.Config
	Recover  Recovery `optional:"true"`
	Grace    Grace    `optional:"true"`
	Log      *zap.Logger
	Metrics  prometheus.Registerer
	Tracing  trace.TracerProvider
}

func provide(life fx.Lifecycle, p params) (*Keeper, error) {
	// A connection of its own: a lease must not be lost in the queue for a busy
	// pool, since with it go all reads.
	p.Database.MaxConns = 1
	db, err := crdb.Open(p.Database, nil, nil)
	if err != nil {
		return nil, err
	}
	k := New(Config{
		Region: p.App.Region, Store: NewPostgres(db), Options: p.Redis.Options, Recover: p.Recover, Grace: time.Duration(p.Grace),
		Log: p.Log.Named("epoch"), Metrics: p.Metrics, Tracing: p.Tracing,
	})
	life.Append(fx.Hook{
		OnStart: func(context.Context) error { k.Start(); return nil },
		OnStop: func(ctx context.Context) error {
			defer db.Close()
			return k.Stop(ctx)
		},
	})
	return k, nil
}
