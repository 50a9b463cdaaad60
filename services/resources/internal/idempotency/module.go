package idempotency

import "go.uber.org/fx"

// Module provides *Once over the database and Redis.
var Module = fx.Module("idempotency",
	fx.Provide(NewOnce),
	fx.Provide(fx.Private, fx.Annotate(NewPostgres, fx.As(new(Store))), fx.Annotate(NewRedis, fx.As(new(Flights)))),
)
