package users

import (
	"context"

	"tandem.example/pkg/httpserver"
	"tandem.example/pkg/ratelimit"
)

// Limits are the part of the environment that bounds what strangers may try.
type Limits struct {
	// Wrong passwords: of one account from one network, of one account from
	// anywhere, and of any account from one network.
	Pair    ratelimit.Rate `env:"LIMIT_LOGIN_PAIR" envDefault:"20/1h"`
	Account ratelimit.Rate `env:"LIMIT_LOGIN_ACCOUNT" envDefault:"100/1h"`
	Address ratelimit.Rate `env:"LIMIT_LOGIN_ADDRESS" envDefault:"1000/10m"`
}

// Check refuses limits by which one network could keep a user out everywhere.
func (l Limits) Check(_ string, report func(variable, problem string)) {
	if l.Pair.Quota >= l.Account.Quota {
		report("LIMIT_LOGIN_ACCOUNT", "must be more than LIMIT_LOGIN_PAIR")
	}
}

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
func NewCounter(limits Limits, limiter Limiter) *Counter {
	return &Counter{
		limiter: limiter, pair: ratelimit.Limit{Name: "login-pair", Rate: limits.Pair},
		account: ratelimit.Limit{Name: "login-account", Rate: limits.Account},
		address: ratelimit.Limit{Name: "login-address", Rate: limits.Address},
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
