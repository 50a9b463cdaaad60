package users

import (
	"context"
	"errors"
	"time"

	"tandem.example/pkg/httpserver"
	"tandem.example/pkg/ratelimit"
)

// Limiter is where guesses are counted; *ratelimit.Limiter is one.
type Limiter interface {
	Look(ctx context.Context, charges ...ratelimit.Charge) ([]ratelimit.State, error)
	Take(ctx context.Context, charges ...ratelimit.Charge) ([]ratelimit.State, error)
	GiveBack(ctx context.Context, charges ...ratelimit.Charge) error
}

// Counter implements [Guesses] for all instances at once. The account limit is
// higher than the one of a pair, so whoever guesses from one network leaves the
// account open from others. It does not count where the user has signed in lately,
// so whoever guesses from many leaves it open there.
type Counter struct {
	limiter                Limiter
	pair, account, address ratelimit.Limit
	home                   ratelimit.Limit // used up by whoever has signed in
}

// homeFor is how long a network is one of the user's.
const homeFor = 30 * 24 * time.Hour

// NewCounter makes a counter.
func NewCounter(cfg Config, limiter Limiter) *Counter {
	return &Counter{
		limiter: limiter, pair: ratelimit.Limit{Name: "login-pair", Rate: cfg.Pair},
		account: ratelimit.Limit{Name: "login-account", Rate: cfg.Account},
		address: ratelimit.Limit{Name: "login-address", Rate: cfg.Address},
		home:    ratelimit.Limit{Name: "login-home", Rate: ratelimit.Rate{Quota: 1, Window: homeFor}},
	}
}

// Charge implements [Guesses].
func (c *Counter) Charge(ctx context.Context, account string) (func(context.Context) error, error) {
	network := ratelimit.Network(httpserver.AddrOf(ctx))
	charges := []ratelimit.Charge{c.pair.Of(account, network), c.address.Of(network)}
	home := c.home.Of(account, network)
	_, err := c.limiter.Look(ctx, home)
	stranger := err == nil
	if !stranger && !errors.Is(err, ratelimit.ErrExceeded) {
		return nil, err
	}
	if stranger {
		charges = append(charges, c.account.Of(account))
	}
	if _, err := c.limiter.Take(ctx, charges...); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		if err := c.limiter.GiveBack(ctx, charges...); err != nil || !stranger {
			return err
		}
		_, err := c.limiter.Take(ctx, home)
		if errors.Is(err, ratelimit.ErrExceeded) { // another login was faster
			return nil
		}
		return err
	}, nil
}
