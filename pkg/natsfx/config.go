package natsfx

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/nats-io/nats.go"

	"tandem.example/pkg/env"
)

var errMalformed = errors.New("must be NATS URLs, separated by commas")

// Config is the NATS part of a service's environment. The URL may name several
// servers, separated by commas, and carry a user with its password.
type Config struct {
	URL       env.Secret `env:"NATS_URL,required"`
	CredsFile string     `env:"NATS_CREDS_FILE"`
	CAFile    string     `env:"NATS_CA_FILE"`
}

// Check refuses plain text, and outside development a client without
// credentials.
func (c Config) Check(appEnv string, report func(variable, problem string)) {
	if c.URL == "" {
		return // reported as missing
	}
	if _, err := env.CertPool(c.CAFile); err != nil {
		report("NATS_CA_FILE", "must be a readable file of PEM certificates")
	}
	if _, err := os.Stat(c.CredsFile); c.CredsFile != "" && err != nil {
		report("NATS_CREDS_FILE", "must be a readable file")
	}
	servers, err := c.servers()
	if err != nil {
		report("NATS_URL", err.Error())
		return
	}
	for _, s := range servers {
		if s.Scheme != "tls" && s.Scheme != "wss" {
			report("NATS_URL", "must use TLS: begin each URL with tls://")
		}
		if s.User == nil && c.CredsFile == "" && appEnv != env.Development {
			report("NATS_CREDS_FILE", "must be set, or NATS_URL must carry a user")
		}
	}
}

// servers parses the list. Its error never quotes the URL, which may hold a
// password.
func (c Config) servers() ([]*url.URL, error) {
	var servers []*url.URL
	for part := range strings.SplitSeq(c.URL.Reveal(), ",") {
		u, err := url.Parse(strings.TrimSpace(part))
		if err != nil || u.Scheme == "" || u.Hostname() == "" {
			return nil, errMalformed
		}
		servers = append(servers, u)
	}
	return servers, nil
}

// security are the options for TLS and credentials.
func (c Config) security() ([]nats.Option, error) {
	servers, err := c.servers()
	if err != nil {
		return nil, fmt.Errorf("NATS_URL: %w", err)
	}
	pool, err := env.CertPool(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("NATS_CA_FILE: %w", err)
	}
	var options []nats.Option
	// With Secure, a server that offers no TLS is refused, also when its URL is
	// one that the cluster announced later.
	if pool != nil || servers[0].Scheme == "tls" || servers[0].Scheme == "wss" {
		options = append(options, nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}))
	}
	if c.CredsFile != "" {
		options = append(options, nats.UserCredentials(c.CredsFile))
	}
	return options, nil
}
