package httpserver

import (
	"net"
	"net/url"
	"strings"
	"time"

	"tandem.example/pkg/env"
)

// maxHeader bounds the request line and all header fields together. It leaves
// room for a bearer token full of roles.
const maxHeader = 16 << 10

// Config is the part of a service's environment that is about being called.
type Config struct {
	Addr             string   `env:"HTTP_ADDR" envDefault:":8443"`
	AdminAddr        string   `env:"ADMIN_ADDR" envDefault:":9090"`
	CertFile         string   `env:"TLS_CERT_FILE"`
	KeyFile          string   `env:"TLS_KEY_FILE"`
	TrustedProxies   Networks `env:"TRUSTED_PROXIES"`
	CORSAllowOrigins []string `env:"CORS_ALLOW_ORIGINS"`

	// RequestTimeout ends the work for one request; the others bound what a
	// client may take. A gateway should give up on an idle connection sooner
	// than IdleTimeout, or it may send into one that is being closed.
	RequestTimeout time.Duration `env:"HTTP_REQUEST_TIMEOUT" envDefault:"20s"`
	ReadTimeout    time.Duration `env:"HTTP_READ_TIMEOUT" envDefault:"10s"`
	WriteTimeout   time.Duration `env:"HTTP_WRITE_TIMEOUT" envDefault:"30s"`
	IdleTimeout    time.Duration `env:"HTTP_IDLE_TIMEOUT" envDefault:"75s"`
	// DrainDelay is how long a stopping server goes on accepting, not ready,
	// until those who send it requests have noticed.
	DrainDelay     time.Duration `env:"HTTP_DRAIN_DELAY" envDefault:"0s"`
	BodyLimit      int           `env:"HTTP_BODY_LIMIT" envDefault:"262144"`
	MaxConnections int           `env:"HTTP_MAX_CONNECTIONS" envDefault:"16384"`
}

// Check refuses a server that would take requests in the clear, or wait for
// ever.
func (c Config) Check(appEnv string, report func(variable, problem string)) {
	if (c.CertFile == "") != (c.KeyFile == "") {
		report("TLS_KEY_FILE", "must be set together with TLS_CERT_FILE")
	}
	if appEnv == env.Production && c.CertFile == "" && len(c.TrustedProxies) == 0 {
		report("TLS_CERT_FILE", "must be set, or TRUSTED_PROXIES if a gateway speaks HTTPS for this service")
	}
	if c.TrustedProxies.everybody() {
		report("TRUSTED_PROXIES", "must not trust every address")
	}
	for variable, addr := range map[string]string{"HTTP_ADDR": c.Addr, "ADMIN_ADDR": c.AdminAddr} {
		if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
			report(variable, "must be an address with a port, such as :8443")
		}
	}
	for _, origin := range c.CORSAllowOrigins {
		if !validOrigin(origin, appEnv) {
			report("CORS_ALLOW_ORIGINS", "must be origins such as https://app.example.org, separated by commas")
		}
	}
	for variable, d := range map[string]time.Duration{
		"HTTP_REQUEST_TIMEOUT": c.RequestTimeout, "HTTP_READ_TIMEOUT": c.ReadTimeout,
		"HTTP_WRITE_TIMEOUT": c.WriteTimeout, "HTTP_IDLE_TIMEOUT": c.IdleTimeout,
	} {
		if d <= 0 {
			report(variable, "must be more than 0")
		}
	}
	if c.DrainDelay < 0 {
		report("HTTP_DRAIN_DELAY", "must not be negative")
	}
	if c.BodyLimit < 1024 {
		report("HTTP_BODY_LIMIT", "must be at least 1024 bytes")
	}
	if c.MaxConnections < 1 {
		report("HTTP_MAX_CONNECTIONS", "must be at least 1")
	}
}

// validOrigin takes serialised origins (RFC 6454 §6.2) of one site each. There
// is no wildcard: the list says who may hold a user's token.
func validOrigin(origin, appEnv string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || strings.Contains(u.Host, "*") || origin != u.Scheme+"://"+u.Host {
		return false
	}
	return u.Scheme == "https" || (u.Scheme == "http" && appEnv != env.Production)
}
