package crdb

import (
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/pkg/env"
)

var (
	errMalformed = errors.New("not a PostgreSQL connection URL")
	errStandby   = errors.New("the server is a standby")
	errIsolation = errors.New("the server does not grant SERIALIZABLE transactions")
)

// Config is the database part of a service's environment.
type Config struct {
	URL              env.Secret    `env:"DATABASE_URL,required"`
	MaxConns         int32         `env:"DATABASE_MAX_CONNS" envDefault:"16"`
	ConnectTimeout   time.Duration `env:"DATABASE_CONNECT_TIMEOUT" envDefault:"3s"`
	StatementTimeout time.Duration `env:"DATABASE_STATEMENT_TIMEOUT" envDefault:"5s"`
	Application      string        `env:"-"` // shown by the server beside each session
}

// Check refuses a URL that could send a statement in the clear, and outside
// development one that does not verify the server's certificate.
func (c Config) Check(appEnv string, report func(variable, problem string)) {
	if c.MaxConns < 1 {
		report("DATABASE_MAX_CONNS", "must be at least 1")
	}
	if c.URL == "" {
		return // reported as missing
	}
	pc, err := pgxpool.ParseConfig(c.URL.Reveal())
	if err != nil {
		report("DATABASE_URL", errMalformed.Error())
		return
	}
	encrypted, verified := tlsOf(&pc.ConnConfig.Config)
	switch {
	case !encrypted:
		report("DATABASE_URL", "must use TLS: add sslmode=verify-full")
	case !verified && appEnv != env.Development:
		report("DATABASE_URL", "must verify the server's certificate: sslmode=verify-full or verify-ca")
	}
}

// tlsOf looks at every way the driver might connect, since sslmode=prefer
// falls back to plain text.
func tlsOf(c *pgconn.Config) (encrypted, verified bool) {
	configs := []*pgconn.FallbackConfig{{TLSConfig: c.TLSConfig}}
	configs = append(configs, c.Fallbacks...)
	encrypted, verified = true, true
	for _, f := range configs {
		encrypted = encrypted && f.TLSConfig != nil
		verified = verified && f.TLSConfig != nil &&
			(!f.TLSConfig.InsecureSkipVerify || f.TLSConfig.VerifyPeerCertificate != nil)
	}
	return encrypted, verified
}
