package coherent

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"tandem.example/pkg/env"
	"tandem.example/pkg/epoch"
)

// Module provides *Cache over the table operations, with its janitor. A service whose token check
// rides along with the reads supplies an [Admission].
var Module = fx.Module("coherent",
	fx.Provide(provide, fx.Annotate(NewPostgres, fx.As(new(Arbiter)))),
)

// Current is the type of [Config].Current.
type Current func() bool

// Codec is [Config].Codec as fx knows it.
type Codec byte

// Admission is the type of [Config].Admit as fx knows it.
type Admission func(context.Context) error

type params struct {
	fx.In

	App     env.App
	Epochs  *epoch.Keeper
	Regions *epoch.Regions
	Arbiter Arbiter
	Admit   Admission `optional:"true"`
	Current Current   `optional:"true"`
	Codec   Codec     `optional:"true"`
	Log     *zap.Logger
	Metrics prometheus.Registerer
}

func provide(life fx.Lifecycle, p params) *Cache {
	c := New(Config{
		Region: p.App.Region, Epochs: p.Epochs, Regions: p.Regions, Arbiter: p.Arbiter, Admit: p.Admit, Current: p.Current, Codec: byte(p.Codec),
		Log: p.Log.Named("coherent"), Metrics: p.Metrics,
	})
	life.Append(fx.StartStopHook(c.Start, c.Stop))
	return c
}
