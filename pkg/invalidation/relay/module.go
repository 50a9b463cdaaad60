package relay

import (
	"context"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/env"
	"tandem.example/pkg/natsfx"
)

// Module provides *Relay, publishing from start to stop.
var Module = fx.Module("relay", fx.Provide(provide))

type params struct {
	fx.In

	Settings Settings
	App      env.App
	Name     natsfx.Name
	NATS     *natsfx.Client
	DB       *crdb.DB
	Log      *zap.Logger
	Metrics  prometheus.Registerer
	Tracing  trace.TracerProvider
	Asked    Asked `optional:"true"`
}

func provide(life fx.Lifecycle, p params) *Relay {
	source := p.App.Region + "/" + string(p.Name)
	r := New(Config{
		Settings: p.Settings, Source: source, Holder: source + "/" + uuid.NewString(),
		DB: p.DB, Log: p.Log.Named("relay"), Metrics: p.Metrics, Tracing: p.Tracing, Asked: p.Asked,
	})
	life.Append(fx.Hook{
		OnStart: func(context.Context) error { return r.Start(p.NATS.Conn()) },
		OnStop:  r.Stop,
	})
	return r
}
