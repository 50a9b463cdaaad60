package clerksession

import (
	"go.uber.org/fx"

	"tandem.example/pkg/bearer"
)

// Module provides *Backend, *Verifier and *Door, and the guard's
// [bearer.External], which is nil when no Clerk instance is configured.
var Module = fx.Module("clerksession", fx.Provide(provideBackend, provideVerifier, provideDoor, provideExternal))

func provideBackend(life fx.Lifecycle, cfg Config) (*Backend, error) {
	b, err := NewBackend(cfg)
	if err != nil {
		return nil, err
	}
	life.Append(fx.StopHook(b.Close))
	return b, nil
}

func provideVerifier(cfg Config, roles bearer.RoleScopes, backend *Backend) *Verifier {
	cfg.Roles = roles
	return NewVerifier(cfg, backend)
}

func provideDoor(verifier *Verifier, backend *Backend, graves *bearer.Tombstones) *Door {
	return NewDoor(verifier, backend, graves)
}

//nolint:ireturn // nil is an answer: nobody else's tokens are accepted
func provideExternal(cfg Config, door *Door) bearer.External {
	if !cfg.Enabled() {
		return nil
	}
	return door
}
