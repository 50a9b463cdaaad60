package httpserver

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
)

// How long and how much a refused client is listened to after the answer.
const (
	lingerFor   = 2 * time.Second
	lingerBytes = 8 << 20
)

// conn is a connection that can be closed so that its last answer arrives.
// Closing while the client still sends, as after a body that is too long, makes
// the kernel reset the connection and throw the answer away.
type conn struct {
	*net.TCPConn

	heard   heard
	refused atomic.Bool
}

// Read implements [net.Conn].
func (c *conn) Read(p []byte) (int, error) { return c.heard.from(c.TCPConn.Read(p)) }

// secured is a connection that speaks TLS.
type secured struct {
	*tls.Conn

	heard heard
}

// Read implements [net.Conn].
func (c *secured) Read(p []byte) (int, error) { return c.heard.from(c.Conn.Read(p)) }

// heard tells whether anything has come from the other end. Gateways and browsers
// open connections ahead of their requests: one on which none came in time is closed
// like one that was idle after a request. A 408 there would be taken for the answer
// to the request that crosses it.
type heard bool

func (h *heard) from(n int, err error) (int, error) {
	if n > 0 {
		*h = true
	}
	if !bool(*h) && errors.Is(err, os.ErrDeadlineExceeded) {
		err = io.EOF
	}
	return n, err
}

// lingerOnClose marks the connection under a request as one whose client may
// still be sending.
func lingerOnClose(c *fiber.Ctx) {
	under := c.Context().Conn() //nolint:forbidigo // The connection is used before the handler returns.
	if layer, ok := under.(interface{ NetConn() net.Conn }); ok {
		under = layer.NetConn() // of TLS
	}
	if own, ok := under.(*conn); ok {
		own.refused.Store(true)
	}
}

// Close ends the connection, if need be once the client has.
func (c *conn) Close() error {
	if c.refused.Swap(false) && c.CloseWrite() == nil {
		_ = c.SetReadDeadline(time.Now().Add(lingerFor))
		_, _ = io.CopyN(io.Discard, c.TCPConn, lingerBytes)
	}
	return c.TCPConn.Close()
}
