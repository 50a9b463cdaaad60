package ratelimit

import (
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"tandem.example/pkg/epoch"
)

// Module provides *Limiter over the current Redis.
var Module = fx.Module("ratelimit", fx.Provide(func(k *epoch.Keeper, reg prometheus.Registerer) *Limiter { return New(k, reg) }))
