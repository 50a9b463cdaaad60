package epoch

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/env"
	"tandem.example/pkg/redisfx"
)

// Module provides *Regions and, of them, the *Keeper of the service's own region,
// renewing from start to stop. A service that can open an epoch supplies a
// [Recovery]; one that supplies none waits for it.
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

func provide(life fx.Lifecycle, p params) (*Keeper, *Regions, error) {
	peers, err := p.Redis.PeersOf(p.App.Region)
	if err != nil {
		return nil, nil, err
	}
	// Connections of their own: a lease must not be lost in the queue for a busy
	// pool, since with it go all reads.
	p.Database.MaxConns = int32(1 + len(peers))
	db, err := crdb.Open(p.Database, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	names := slices.Sorted(maps.Keys(peers))
	own := New(Config{
		Region: p.App.Region, Store: NewPostgres(db), Options: p.Redis.Options, Recover: p.Recover, Peers: names,
		Grace: time.Duration(p.Grace),
		Log:   p.Log.Named("epoch"), Metrics: p.Metrics, Tracing: p.Tracing,
	})
	others := make([]*Keeper, 0, len(peers))
	for _, name := range names {
		others = append(others, New(Config{
			Region: name, Store: NewPostgres(db), Options: peers[name].Options, Peer: true,
			Log: p.Log.Named("epoch").With(zap.String("peer", name)), Tracing: p.Tracing,
			Metrics: prometheus.WrapRegistererWith(prometheus.Labels{"peer": name}, prometheus.WrapRegistererWithPrefix("peer_", p.Metrics)),
		}))
	}
	all := NewRegions(own, others...)
	life.Append(fx.Hook{
		OnStart: func(context.Context) error { all.Start(); return nil },
		OnStop: func(ctx context.Context) error {
			defer db.Close()
			return all.Stop(ctx)
		},
	})
	return own, all, nil
}
