package httpserver

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// recheck is how often a handshake looks at the files. They are small; reading
// them finds every way of replacing a file, which watching them does not.
const recheck = time.Second

// certificate is a key pair that follows its files. A pair that cannot be used,
// say because only one file has been replaced yet, leaves the one before.
type certificate struct {
	certFile, keyFile string
	log               *zap.Logger

	mu        sync.Mutex // guards the rest
	current   *tls.Certificate
	cert, key []byte // what was read last, good or bad
	next      time.Time
}

func newCertificate(certFile, keyFile string, log *zap.Logger) *certificate {
	return &certificate{certFile: certFile, keyFile: keyFile, log: log}
}

// load reads the files for the first time.
func (c *certificate) load() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reload(time.Now())
}

// expiry is when what is served now is over, in seconds since 1970.
func (c *certificate) expiry() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil {
		return 0
	}
	return float64(c.current.Leaf.NotAfter.Unix())
}

// register tells of the expiry, for those who renew certificates to hear of it
// before their clients do.
func (c *certificate) register(reg prometheus.Registerer) error {
	return reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tls_certificate_expiry_timestamp_seconds", Help: "When the server's certificate expires.",
	}, c.expiry))
}

// listener speaks TLS on ln. There is no HTTP/2 here: the gateway speaks it.
func (c *certificate) listener(ln net.Listener) net.Listener {
	return tls.NewListener(ln, &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: c.get,
	})
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.After(c.next) {
		if err := c.reload(now); err != nil {
			c.log.Warn("certificate not reloaded", zap.Error(err))
		}
	}
	return c.current, nil
}

// reload takes the pair over if the files have changed. It reports a bad pair
// once, not at each look.
func (c *certificate) reload(now time.Time) error {
	c.next = now.Add(recheck)
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		return fmt.Errorf("read certificate: %w", err)
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return fmt.Errorf("read certificate key: %w", err)
	}
	if bytes.Equal(cert, c.cert) && bytes.Equal(key, c.key) {
		return nil
	}
	c.cert, c.key = cert, key
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("use certificate: %w", err)
	}
	c.current = &pair
	c.log.Info("certificate loaded", zap.Time("expires", pair.Leaf.NotAfter))
	return nil
}
