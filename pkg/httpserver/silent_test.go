package httpserver_test

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"tandem.example/pkg/httpserver"
)

// A connection that was opened ahead of a request is closed without a word, as one is
// that waits for its next request; one that has begun a request gets a 408.
func TestSilentConnections(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := pair(t, 1)
	write(t, dir+"/crt", cert)
	write(t, dir+"/key", key)
	for name, secure := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, func(o *httpserver.Options) {
				o.Config.ReadTimeout, o.Config.IdleTimeout = 300*time.Millisecond, 300*time.Millisecond
				o.Routes = []httpserver.Route{handle("GET", "/", ok)}
				if secure {
					o.Config.CertFile, o.Config.KeyFile = dir+"/crt", dir+"/key"
				}
			})
			open := func() net.Conn {
				conn := dial(t, s.Addr())
				if !secure {
					return conn
				}
				own := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
				if err := own.HandshakeContext(t.Context()); err != nil {
					t.Fatal(err)
				}
				return own
			}
			said := func(conn net.Conn) string {
				all, err := io.ReadAll(conn)
				if err != nil {
					t.Fatal(err)
				}
				return string(all)
			}
			if got := said(open()); got != "" {
				t.Errorf("nobody asked, and is told %q", got)
			}
			half := open()
			if _, err := half.Write([]byte("GET / HT")); err != nil {
				t.Fatal(err)
			}
			if got := said(half); len(got) < 12 || got[:12] != "HTTP/1.1 408" {
				t.Errorf("half a request gets %q", got)
			}
		})
	}
}
