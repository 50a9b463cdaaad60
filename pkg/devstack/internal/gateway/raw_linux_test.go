package gateway_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// dial opens a connection on which a test writes what no HTTP client would.
func (c client) dial(t *testing.T) net.Conn {
	t.Helper()
	own := tls.Dialer{NetDialer: c.dialer(), Config: c.tls}
	conn, err := own.DialContext(t.Context(), "tcp", strings.TrimPrefix(c.url, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(2 * patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// raw sends this text and reads an answer.
func (c client) raw(t *testing.T, text string) reply {
	t.Helper()
	conn := c.dial(t)
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return read(t, conn)
}

func read(t *testing.T, conn net.Conn) reply {
	t.Helper()
	got, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{got.StatusCode, got.Header, string(body)}
}
