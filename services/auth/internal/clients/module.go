package clients

import "go.uber.org/fx"

// Module provides *Registry over the database.
var Module = fx.Module("clients",
	fx.Provide(NewRegistry),
	fx.Provide(fx.Annotate(NewPostgres, fx.As(new(Store))), fx.Private),
)
