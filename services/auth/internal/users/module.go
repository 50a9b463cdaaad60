package users

import "go.uber.org/fx"

// Module provides *Directory over the database.
var Module = fx.Module("users",
	fx.Provide(NewDirectory),
	fx.Provide(NewHasher, fx.Annotate(NewPostgres, fx.As(new(Store))), fx.Private),
)
