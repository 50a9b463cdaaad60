package events

import (
	"context"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"tandem.example/pkg/coherent"
	"tandem.example/pkg/env"
	"tandem.example/pkg/invalidation"
	"tandem.example/pkg/natsfx"
)

// Module provides *Follower, following from start to stop, and the *Horizon of what
// it has heard.
var Module = fx.Module("events", fx.Provide(provide, NewHorizon))

// NewHorizon is nil unless anything rests on it.
func NewHorizon(s coherent.Settings) *Horizon {
	if !s.Bounded() {
		return nil
	}
	return &Horizon{bound: s.ForeignLag}
}

type params struct {
	fx.In

	App     env.App
	Name    natsfx.Name
	NATS    *natsfx.Client
	Cache   Cache
	Horizon *Horizon
	Waiting Unannounced
	Log     *zap.Logger
	Metrics prometheus.Registerer
}

func provide(life fx.Lifecycle, p params) *Follower {
	f := &Follower{cache: p.Cache, horizon: p.Horizon, unannounced: p.Waiting, log: p.Log.Named("events")}
	f.metrics = newMetrics(p.Metrics, f.following, p.Horizon)
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
