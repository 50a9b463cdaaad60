package audit

import (
	"context"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/crdb"
	"tandem.example/pkg/env"
	"tandem.example/pkg/natsfx"
)

// Module provides *Log, *Batch, *Publisher and *Pruner, at work from start to
// stop, and *Pseudonyms.
var Module = fx.Module("audit",
	fx.Provide(NewLog, provideBatch, providePublisher, providePruner, providePseudonyms),
	fx.Provide(func(p *Publisher) Announcer { return p }, fx.Private),
)

func providePseudonyms(cfg bearer.Config) (*Pseudonyms, error) {
	return NewPseudonyms([]byte(cfg.Secret.Reveal()))
}

func provideBatch(life fx.Lifecycle, log *Log, logger *zap.Logger, reg prometheus.Registerer) *Batch {
	b := NewBatch(log, logger, reg)
	life.Append(fx.StartStopHook(b.Start, b.Stop))
	return b
}

func providePruner(life fx.Lifecycle, cfg Config, log *Log, logger *zap.Logger, reg prometheus.Registerer) *Pruner {
	p := NewPruner(cfg, log, logger, reg)
	life.Append(fx.StartStopHook(p.Start, p.Stop))
	return p
}

type params struct {
	fx.In

	Config  Config
	App     env.App
	Name    natsfx.Name
	NATS    *natsfx.Client
	DB      *crdb.DB
	Log     *zap.Logger
	Metrics prometheus.Registerer
}

func providePublisher(life fx.Lifecycle, p params) *Publisher {
	source := p.App.Region + "/" + string(p.Name)
	publisher := NewPublisher(
		Settings{Holder: source + "/" + uuid.NewString(), Source: source, Replicas: p.Config.Replicas}, p.DB, p.Log, p.Metrics,
	)
	life.Append(fx.Hook{
		OnStart: func(context.Context) error { return publisher.Start(p.NATS.Conn()) },
		OnStop:  publisher.Stop,
	})
	return publisher
}
