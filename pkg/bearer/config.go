package bearer

import (
	"net/url"

	"tandem.example/pkg/env"
)

// Config is the token part of a service's environment. Every service that
// verifies has the same values.
type Config struct {
	Secret   env.Secret `env:"JWT_SECRET,required"`
	Previous env.Secret `env:"JWT_SECRET_PREVIOUS"`
	Issuer   string     `env:"JWT_ISSUER,required"`
	Audience string     `env:"JWT_AUDIENCE" envDefault:"tandem"`
}

// Check refuses secrets that could be guessed, and an issuer that is no URL
// (RFC 8414 §2).
func (c Config) Check(_ string, report func(variable, problem string)) {
	for _, s := range []struct {
		variable string
		value    env.Secret
	}{{"JWT_SECRET", c.Secret}, {"JWT_SECRET_PREVIOUS", c.Previous}} {
		if s.value == "" {
			continue
		}
		if weakness := s.value.Weakness(); weakness != "" {
			report(s.variable, weakness)
		}
	}
	if c.Previous != "" && c.Previous == c.Secret {
		report("JWT_SECRET_PREVIOUS", "must differ from JWT_SECRET")
	}
	if c.Audience == "" {
		report("JWT_AUDIENCE", "must not be empty")
	}
	if c.Issuer == "" {
		return // reported as missing
	}
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		report("JWT_ISSUER", "must be an https URL without query and fragment")
	}
}

// Keys makes the key set of the environment.
func (c Config) Keys() (KeySet, error) {
	return NewSecrets([]byte(c.Secret.Reveal()), []byte(c.Previous.Reveal()))
}
