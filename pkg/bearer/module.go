package bearer

import (
	"context"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"tandem.example/pkg/epoch"
)

// Module provides *Keyring, following its files from start to stop, as [Signer]
// too; RoleScopes, *Verifier, *Tombstones and *Guard. The guard takes another
// issuer's tokens if somebody provides an [External].
var Module = fx.Module("bearer",
	fx.Provide(provideKeyring, RoleConfig.Scopes, provideVerifier, provideGuard, NewTombstones),
	fx.Provide(func(r *Keyring) Signer { return r }),
)

func provideKeyring(life fx.Lifecycle, cfg Config, log *zap.Logger) (*Keyring, error) {
	r, err := cfg.Keyring(log.Named("keys"))
	if err != nil {
		return nil, err
	}
	if r.Remote != nil {
		life.Append(fx.StopHook(r.Remote.Close))
	}
	if r.Directory != nil {
		follow(life, r.Directory)
	}
	return r, nil
}

func follow(life fx.Lifecycle, d *Directory) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	life.Append(fx.StartStopHook(
		func() {
			go func() {
				defer close(done)
				d.Follow(ctx)
			}()
		},
		func() {
			cancel()
			<-done
		},
	))
}

func provideVerifier(cfg Config, keys *Keyring) *Verifier {
	return &Verifier{Keys: keys, Issuer: cfg.Issuer, Audience: cfg.Audience}
}

type guardParams struct {
	fx.In

	Verifier *Verifier
	Epochs   *epoch.Keeper
	External External `optional:"true"`
}

func provideGuard(p guardParams) *Guard { return NewGuard(p.Verifier, p.Epochs, p.External) }
