// Package redisfx turns the environment into a Redis client's options and
// reads which server it is that answers.
//
// It promises that every connection is encrypted, that a command is sent once
// (repeating is the caller's decision, since a script that is sent twice may
// act twice) and that a server which could lose a write marker by itself is
// refused.
package redisfx

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"tandem.example/pkg/env"
)

var errMalformed = errors.New("not a Redis URL")

// The library writes what goes wrong to standard error, past every logger; its
// callers hear of all that in errors. The switch is a global of the library, so
// it is turned before any client exists.
func init() { logging.Disable() } //nolint:gochecknoinits // see above

// Config is the Redis part of a service's environment. The URL may carry the
// user, the password and, as rediss, TLS; the other variables override it.
type Config struct {
	URL      env.Secret `env:"REDIS_URL,required"`
	Username string     `env:"REDIS_USERNAME"`
	Password env.Secret `env:"REDIS_PASSWORD"`
	UseTLS   bool       `env:"REDIS_USE_TLS" envDefault:"true"`
	CAFile   string     `env:"REDIS_CA_FILE"`
	PoolSize int        `env:"REDIS_POOL_SIZE" envDefault:"32"`
	Peers    env.Secret `env:"REDIS_PEERS"`
}

// Check refuses plain text, and outside development a server that anybody may
// talk to.
func (c Config) Check(appEnv string, report func(variable, problem string)) {
	if c.PoolSize < 1 {
		report("REDIS_POOL_SIZE", "must be at least 1")
	}
	c.checkPeers(appEnv, report)
	if c.URL == "" {
		return // reported as missing
	}
	opts, err := c.Options()
	if err != nil {
		report("REDIS_URL", err.Error())
		return
	}
	if opts.TLSConfig == nil {
		report("REDIS_USE_TLS", "must be true, or REDIS_URL must be a rediss URL")
	}
	if opts.TLSConfig != nil && opts.TLSConfig.InsecureSkipVerify && appEnv != env.Development {
		report("REDIS_URL", "must verify the server's certificate: remove skip_verify")
	}
	if opts.Password == "" && appEnv != env.Development {
		report("REDIS_PASSWORD", "must be set, here or in REDIS_URL")
	}
}

// Options are the client options that the rest of the code relies on. They are
// a fresh copy at each call.
func (c Config) Options() (*redis.Options, error) {
	opts, err := redis.ParseURL(c.URL.Reveal())
	if err != nil {
		return nil, errMalformed // the driver's own text quotes the URL
	}
	if c.Username != "" {
		opts.Username = c.Username
	}
	if c.Password != "" {
		opts.Password = c.Password.Reveal()
	}
	if c.UseTLS && opts.TLSConfig == nil {
		opts.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if opts.TLSConfig != nil {
		if opts.TLSConfig.RootCAs, err = env.CertPool(c.CAFile); err != nil {
			return nil, fmt.Errorf("REDIS_CA_FILE: %w", err)
		}
	}
	opts.PoolSize, opts.PipelinePoolSize = c.PoolSize, c.PoolSize
	opts.MaxRetries = -1              // a repeated script may act twice
	opts.ContextTimeoutEnabled = true // otherwise a request's deadline is ignored
	opts.DialTimeout, opts.ReadTimeout, opts.WriteTimeout = 2*time.Second, time.Second, time.Second
	opts.PoolTimeout = 2 * time.Second
	opts.DisableIdentity = true // CLIENT SETINFO is one round trip more per connection
	// A server that moves a connection elsewhere would change its identity
	// without a new handshake.
	opts.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return opts, nil
}
