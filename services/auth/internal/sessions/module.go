package sessions

import (
	"go.uber.org/fx"
	"go.uber.org/zap"

	"tandem.example/pkg/bearer"
)

// Module provides *Store over the current Redis, and *Sweeper, at work from
// start.
var Module = fx.Module("sessions",
	fx.Provide(NewStore, provideSweeper),
	fx.Provide(Config.Lives, NewRows, provideRefresher, fx.Private),
)

func provideRefresher(cfg bearer.Config) (*Refresher, error) {
	return NewRefresher([]byte(cfg.Secret.Reveal()), []byte(cfg.Previous.Reveal()))
}

func provideSweeper(life fx.Lifecycle, cemetery Cemetery, store *Store, log *zap.Logger) *Sweeper {
	s := NewSweeper(cemetery, store, log)
	life.Append(fx.StartStopHook(s.Start, s.Stop))
	return s
}
