// Package natsfx keeps one connection to NATS open.
//
// It promises that the connection is encrypted, that a service starts and runs
// without NATS and finds it when it comes, that nothing is held back to be sent
// later while the connection is away (a caller is told at once and decides), and
// that no log line or error shows a credential.
package natsfx

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"tandem.example/pkg/fault"
)

// ErrUnavailable is why a service is not ready while NATS cannot be reached.
var ErrUnavailable = fault.New(fault.Unavailable, "nats_unavailable", "NATS cannot be reached").After(2 * time.Second)

const (
	dialTimeout  = 2 * time.Second
	pingEvery    = 5 * time.Second // two unanswered pings end a connection that is silently dead
	maxPings     = 2
	firstDelay   = 50 * time.Millisecond
	longestDelay = 2 * time.Second
)

// Client owns the connection. Conn is valid between Start and Stop.
type Client struct {
	cfg    Config
	name   string
	log    *zap.Logger
	conn   *nats.Conn
	closed chan struct{}
}

// New prepares a client that shows as name in the server's lists. It does no
// I/O.
func New(cfg Config, name string, log *zap.Logger) *Client {
	return &Client{cfg: cfg, name: name, log: log, closed: make(chan struct{})}
}

// Start connects. A server that does not answer is no error: the client goes on
// trying until Stop. What is an error is a URL or file that cannot be used.
func (c *Client) Start(context.Context) error {
	options, err := c.cfg.security()
	if err != nil {
		return err
	}
	conn, err := nats.Connect(c.cfg.URL.Reveal(), append(options, c.behaviour()...)...)
	if err != nil {
		return fmt.Errorf("connect to NATS: %w", withoutURL(err))
	}
	c.conn = conn
	if !conn.IsConnected() {
		c.log.Warn("nats not reached yet", zap.Error(withoutURL(conn.LastError())))
	}
	return nil
}

func (c *Client) behaviour() []nats.Option {
	return []nats.Option{
		nats.Name(c.name),
		nats.Timeout(dialTimeout),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // credentials may be in the middle of a rotation
		nats.CustomReconnectDelay(delay),
		nats.ReconnectBufSize(-1),
		nats.PingInterval(pingEvery),
		nats.MaxPingsOutstanding(maxPings),
		nats.ConnectHandler(func(n *nats.Conn) {
			c.log.Info("nats connected", zap.String("server", n.ConnectedUrlRedacted()))
		}),
		nats.ReconnectHandler(func(n *nats.Conn) {
			c.log.Info("nats connected again", zap.String("server", n.ConnectedUrlRedacted()))
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			c.log.Warn("nats connection lost", zap.Error(withoutURL(err)))
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			c.log.Error("nats refused", zap.Error(withoutURL(err)))
		}),
		nats.ClosedHandler(func(*nats.Conn) {
			c.log.Info("nats connection closed")
			close(c.closed)
		}),
	}
}

// delay before the next round over the servers: doubled each time, with up to
// half of it taken off at random so that clients do not return as one.
func delay(rounds int) time.Duration {
	d := min(firstDelay<<min(rounds, 10), longestDelay)
	return d - rand.N(d/2) //nolint:gosec // jitter, not a secret
}

// Conn is the connection, which may be away at the moment.
func (c *Client) Conn() *nats.Conn { return c.conn }

// Ready proves a round trip to the server. It returns [ErrUnavailable].
func (c *Client) Ready(ctx context.Context) error {
	if c.conn == nil {
		return ErrUnavailable
	}
	if !c.conn.IsConnected() {
		return ErrUnavailable.Because(withoutURL(c.conn.LastError()))
	}
	if err := c.conn.FlushWithContext(ctx); err != nil {
		return ErrUnavailable.Because(err)
	}
	return nil
}

// Stop sends what is on its way and closes the connection for good.
func (c *Client) Stop(ctx context.Context) error {
	if c.conn == nil {
		return nil
	}
	if c.conn.IsConnected() {
		if err := c.conn.FlushWithContext(ctx); err != nil {
			c.log.Warn("nats connection not flushed", zap.Error(err))
		}
	}
	c.conn.Close()
	select {
	case <-c.closed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close NATS connection: %w", ctx.Err())
	}
}

// withoutURL drops an error's text where that may quote the URL.
func withoutURL(err error) error {
	if malformed := (*url.Error)(nil); errors.As(err, &malformed) {
		return errMalformed
	}
	return err
}
