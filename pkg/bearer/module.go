package bearer

import (
	"go.uber.org/fx"

	"tandem.example/pkg/epoch"
)

// Module provides KeySet, RoleScopes, *Verifier, *Tombstones and *Guard. The guard takes
// another issuer's tokens if somebody provides an [External].
var Module = fx.Module("bearer", fx.Provide(Config.Keys, RoleConfig.Scopes, provideVerifier, provideGuard, NewTombstones))

func provideVerifier(cfg Config, keys KeySet) *Verifier {
	return &Verifier{Keys: keys, Issuer: cfg.Issuer, Audience: cfg.Audience}
}

type guardParams struct {
	fx.In

	Verifier *Verifier
	Epochs   *epoch.Keeper
	External External `optional:"true"`
}

func provideGuard(p guardParams) *Guard { return NewGuard(p.Verifier, p.Epochs, p.External) }
