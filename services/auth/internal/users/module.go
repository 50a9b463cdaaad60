package users

import (
	"go.uber.org/fx"
	"go.uber.org/zap"

	"tandem.example/services/auth/internal/users/common"
)

// Module provides *Authenticator and *Directory over the database.
var Module = fx.Module("users",
	fx.Provide(NewDirectory, provideAuthenticator),
	fx.Provide(
		common.New, NewHasher, NewCounter, fx.Annotate(NewPostgres, fx.As(new(Credentials)), fx.As(new(Store))),
		fx.Private,
	),
)

func provideAuthenticator(store Credentials, hasher *Hasher, counter *Counter, log *zap.Logger) *Authenticator {
	return NewAuthenticator(store, hasher, counter, log)
}
