package events

import (
	"context"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"tandem.example/pkg/env"
	"tandem.example/pkg/invalidation"
	"tandem.example/pkg/natsfx"
)

// Module provides *Follower, following from start to stop.
var Module = fx.Module("events", fx.Provide(provide))

type params struct {
	fx.In

	App     env.App
	Name    natsfx.Name
	NATS    *natsfx.Client
	Cache   Cache
	Log     *zap.Logger
	Metrics prometheus.Registerer
}

func provide(life fx.Lifecycle, p params) *Follower {
	f := &Follower{cache: p.Cache, log: p.Log.Named("events")}
	f.metrics = newMetrics(p.Metrics, f.following)
	subscribe := func(ctx context.Context, o invalidation.Options, h invalidation.Handler) (*invalidation.Subscription, error) {
		o.Context = natsfx.Extract
		return invalidation.Subscribe(ctx, p.NATS.Conn(), o, h)
	}
	life.Append(fx.Hook{
		OnStart: func(context.Context) error {
			return f.start(subscribe, string(p.Name)+"-"+p.App.Region+"-"+uuid.NewString())
		},
		OnStop: f.stop,
	})
	return f
}
