package resources

import "go.uber.org/fx"

// Module provides *Registry over the database and the cache.
var Module = fx.Module("resources",
	fx.Provide(NewRegistry),
	fx.Provide(fx.Private, fx.Annotate(NewPostgres, fx.As(new(Store)))),
)
