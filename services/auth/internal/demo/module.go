package demo

import (
	"go.uber.org/fx"
	"go.uber.org/zap"
)

// Module provides *Seeder, at work from start.
var Module = fx.Module("demo", fx.Provide(provide))

func provide(life fx.Lifecycle, cfg Config, users Users, clients Clients, log *zap.Logger) *Seeder {
	s := NewSeeder(cfg, users, clients, log)
	life.Append(fx.StartStopHook(s.Start, s.Stop))
	return s
}
