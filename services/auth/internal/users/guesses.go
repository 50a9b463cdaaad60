package users

import (
	"context"

	"tandem.example/pkg/httpserver"
	"tandem.example/pkg/ratelimit"
)

// Limiter is where guesses are counted; *ratelimit.Limiter is one.
type Limiter interface {
	Take(ctx context.Context, charges ...ratelimit.Charge) ([]ratelimit.State, error)
	GiveBack(ctx context.Context, charges ...ratelimit.Charge) error
}

// Counter implements [Guesses] for all instances at once. The account limit is
// higher than the one of a pair, so whoever guesses from one network leaves the
// account open from others.
type Counter struct {
	limiter                Limiter
	pair, account, address ratelimit.Limit
}

// NewCounter makes a counter.
func NewCounter(cfg Config, limiter Limiter) *Counter {
	return &Counter{
		limiter: limiter, pair: ratelimit.Limit{Name: "login-pair", Rate: cfg.Pair},
		account: ratelimit.Limit{Name: "login-account", Rate: cfg.Account},
		address: ratelimit.Limit{Name: "login-address", Rate: cfg.Address},
	}
}

// Charge implements [Guesses].
func (c *Counter) Charge(ctx context.Context, account string) (func(context.Context) error, error) {
	network := ratelimit.Network(httpserver.AddrOf(ctx))
	charges := []ratelimit.Charge{c.pair.Of(account, network), c.account.Of(account), c.address.Of(network)}
	if _, err := c.limiter.Take(ctx, charges...); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return c.limiter.GiveBack(ctx, charges...) }, nil
}
