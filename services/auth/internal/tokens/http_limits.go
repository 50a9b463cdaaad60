package tokens

import (
	"context"
	"errors"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/httpserver"
	"tandem.example/pkg/ratelimit"
	"tandem.example/services/auth/internal/clients"
)

// Limits are the part of the environment that bounds what callers may try.
type Limits struct {
	// All requests at /token from one network.
	Address ratelimit.Rate `env:"LIMIT_TOKEN_ADDRESS" envDefault:"60000/1m"`
	// Failures of one client to authenticate, from one network.
	Client ratelimit.Rate `env:"LIMIT_CLIENT_FAILURES" envDefault:"300/1m"`
}

// Gate lets callers in, as clients that have authenticated.
type Gate struct {
	registry       *clients.Registry
	limiter        *ratelimit.Limiter
	address, fails ratelimit.Limit
}

// NewGate makes a gate.
func NewGate(limits Limits, registry *clients.Registry, limiter *ratelimit.Limiter) *Gate {
	return &Gate{
		registry: registry, limiter: limiter, address: ratelimit.Limit{Name: "token-address", Rate: limits.Address},
		fails: ratelimit.Limit{Name: "client-failures", Rate: limits.Client},
	}
}

// serve puts the limits before a handler. Those who want tokens are counted.
func (g *Gate) serve(token bool, handler fiber.Handler) []fiber.Handler {
	if token {
		return []fiber.Handler{g.limiter.PerAddress(g.address), handler}
	}
	return []fiber.Handler{ratelimit.Announce, handler}
}

// Authenticate is that of the registry, and tells those who fail too often to
// wait. They are counted afterwards: a secret cannot be guessed, and whoever has
// the right one must not be kept out by others at the same address.
func (g *Gate) Authenticate(ctx context.Context, id, secret string) (clients.Client, error) {
	client, err := g.registry.Authenticate(ctx, id, secret)
	if errors.Is(err, clients.ErrClient) {
		network := ratelimit.Network(httpserver.AddrOf(ctx))
		if _, tooOften := g.limiter.Take(ctx, g.fails.Of(id, network)); tooOften != nil {
			return clients.Client{}, tooOften
		}
	}
	return client, err
}
