package users

import "tandem.example/pkg/ratelimit"

// Config is the part of the environment that says what strangers may do.
type Config struct {
	// Registration is open to everybody, or closed to all but administrators.
	Registration string `env:"REGISTRATION" envDefault:"closed"`
	// Registrations, made or refused, from one network.
	Register ratelimit.Rate `env:"LIMIT_REGISTRATION" envDefault:"20/1h"`
	// Queue is how many logins may wait for each that is being hashed.
	Queue int `env:"LOGIN_QUEUE" envDefault:"32"`
	// Wrong passwords: of one account from one network, of one account from
	// wherever its user has not signed in lately, and of any account from one
	// network.
	Pair    ratelimit.Rate `env:"LIMIT_LOGIN_PAIR" envDefault:"20/1h"`
	Account ratelimit.Rate `env:"LIMIT_LOGIN_ACCOUNT" envDefault:"100/1h"`
	Address ratelimit.Rate `env:"LIMIT_LOGIN_ADDRESS" envDefault:"1000/10m"`
}

// The values of REGISTRATION.
const (
	registrationOpen   = "open"
	registrationClosed = "closed"
)

// Check refuses what is no choice, and limits by which one network could keep a
// user out everywhere.
func (c Config) Check(_ string, report func(variable, problem string)) {
	if c.Registration != registrationOpen && c.Registration != registrationClosed {
		report("REGISTRATION", "must be open or closed")
	}
	if c.Queue < 1 || c.Queue > 1000 {
		report("LOGIN_QUEUE", "must be 1 to 1000")
	}
	if c.Pair.Quota >= c.Account.Quota {
		report("LIMIT_LOGIN_ACCOUNT", "must be more than LIMIT_LOGIN_PAIR")
	}
}
