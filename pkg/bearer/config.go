package bearer

import (
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"tandem.example/pkg/env"
)

// Config is the token part of a service's environment. Every service that
// verifies has the same issuer, and either the same secrets or the URL of the
// keys that auth publishes.
type Config struct {
	Secret       env.Secret `env:"JWT_SECRET"`
	Previous     env.Secret `env:"JWT_SECRET_PREVIOUS"`
	SecretsUntil time.Time  `env:"JWT_SECRET_UNTIL"`
	KeysDir      string     `env:"JWT_KEYS_DIR"`
	KeysURL      string     `env:"JWT_JWKS_URL"`
	KeysCAFile   string     `env:"JWT_JWKS_CA_FILE"`
	Issuer       string     `env:"JWT_ISSUER,required"`
	Audience     string     `env:"JWT_AUDIENCE" envDefault:"tandem"`
}

// Check refuses secrets that could be guessed, a key set that could be
// exchanged on its way, and an issuer that is no URL (RFC 8414 §2).
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
	c.checkKeys(report)
	if c.Audience == "" {
		report("JWT_AUDIENCE", "must not be empty")
	}
	if c.Issuer == "" {
		return // reported as missing
	}
	if !httpsURL(c.Issuer) || strings.ContainsAny(c.Issuer, "?#") {
		report("JWT_ISSUER", "must be an https URL without query and fragment")
	}
}

func (c Config) checkKeys(report func(variable, problem string)) {
	if c.Secret == "" && c.KeysDir == "" && c.KeysURL == "" {
		report("JWT_SECRET", "must be set, or JWT_JWKS_URL in a service that only verifies")
	}
	if c.Previous != "" && c.Secret == "" {
		report("JWT_SECRET_PREVIOUS", "must not be set without JWT_SECRET")
	}
	if c.KeysDir != "" && c.KeysURL != "" {
		report("JWT_JWKS_URL", "must not be set together with JWT_KEYS_DIR")
	}
	if c.KeysDir != "" {
		if files, err := ReadKeys(c.KeysDir); len(files) == 0 {
			problem := "must name a directory with a signing key: authd keys generate makes one"
			if err != nil {
				problem = "must name a directory with a signing key that can be read"
			}
			report("JWT_KEYS_DIR", problem)
		}
	}
	if c.KeysURL != "" && !httpsURL(c.KeysURL) {
		report("JWT_JWKS_URL", "must be an https URL")
	}
	if _, err := env.CertPool(c.KeysCAFile); err != nil {
		report("JWT_JWKS_CA_FILE", "must name a file of PEM certificates")
	}
}

// Keyring makes the keys of the environment.
func (c Config) Keyring(log *zap.Logger) (*Keyring, error) {
	r := &Keyring{SecretsUntil: c.SecretsUntil}
	var err error
	if c.Secret != "" {
		if r.Secrets, err = NewSecrets([]byte(c.Secret.Reveal()), []byte(c.Previous.Reveal())); err != nil {
			return nil, err
		}
	}
	if c.KeysDir != "" {
		if r.Directory, err = OpenDirectory(c.KeysDir, log); err != nil {
			return nil, err
		}
	}
	if c.KeysURL != "" {
		r.Remote, err = c.remote(log)
	}
	return r, err
}

func (c Config) remote(log *zap.Logger) (*Remote, error) {
	roots, err := env.CertPool(c.KeysCAFile)
	if err != nil {
		return nil, fmt.Errorf("JWT_JWKS_CA_FILE: %w", err)
	}
	r, err := NewRemote(c.KeysURL, keyClient(roots))
	if err == nil {
		r.cache.Failed = func(err error) { log.Warn("token keys not renewed", zap.Error(err)) }
	}
	return r, err
}
