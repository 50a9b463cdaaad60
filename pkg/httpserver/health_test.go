package httpserver_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"tandem.example/pkg/fault"
	"tandem.example/pkg/httpserver"
)

// instance is what asks for the health of s: the configuration of the same
// program, with the port that the test left to the system.
func instance(s running, certFile string) httpserver.Config {
	return httpserver.Config{AdminAddr: s.AdminAddr(), CertFile: certFile}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	s := start(t, func(o *httpserver.Options) {
		o.Checks = []httpserver.Check{
			{Name: "database", Probe: func(context.Context) error { return nil }},
			{Name: "redis", Probe: func(context.Context) error {
				if broken.Load() {
					return fault.New(fault.Unavailable, "redis_unavailable", "Redis does not answer")
				}
				return nil
			}},
		}
	})
	if err := instance(s, "").Health(t.Context()); err != nil {
		t.Errorf("ready: %v", err)
	}
	broken.Store(true)
	if err := instance(s, "").Health(t.Context()); err == nil || err.Error() != "not_ready: redis (redis_unavailable)" {
		t.Errorf("not ready: %v", err)
	}
}

// An address without a host, or with that of every interface, is asked on this machine.
func TestHealthOfEveryInterface(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *httpserver.Options) { o.Config.AdminAddr = ":0" })
	_, port, err := net.SplitHostPort(s.AdminAddr())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"", "0.0.0.0", "127.0.0.1"} {
		cfg := httpserver.Config{AdminAddr: net.JoinHostPort(host, port)}
		if err := cfg.Health(t.Context()); err != nil {
			t.Errorf("%s: %v", cfg.AdminAddr, err)
		}
	}
}

func TestHealthOfNobody(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := httpserver.Config{AdminAddr: ln.Addr().String()}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cfg.Health(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "ask for readiness: ") {
		t.Errorf("got %v", err)
	}
}

func TestHealthOfSomethingElse(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	other := http.Server{Handler: http.NotFoundHandler()}
	t.Cleanup(func() { _ = other.Close() })
	go func() { _ = other.Serve(ln) }()
	cfg := httpserver.Config{AdminAddr: ln.Addr().String()}
	if err := cfg.Health(t.Context()); err == nil || err.Error() != "the answer is not a report of readiness: 404 Not Found" {
		t.Errorf("got %v", err)
	}
}

func TestHealthAsksTheOwnerOfTheCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	for i, name := range []string{"own", "other"} {
		cert, key := pair(t, int64(i))
		write(t, file(name+".crt"), cert)
		write(t, file(name+".key"), key)
	}
	write(t, file("empty.crt"), nil)
	s := start(t, func(o *httpserver.Options) { o.Config.CertFile, o.Config.KeyFile = file("own.crt"), file("own.key") })
	if err := instance(s, file("own.crt")).Health(t.Context()); err != nil {
		t.Errorf("its own certificate: %v", err)
	}
	for name, part := range map[string]string{
		"other.crt": "does not have this instance's certificate",
		"empty.crt": "no PEM certificate",
		"none.crt":  "no such file",
	} {
		if err := instance(s, file(name)).Health(t.Context()); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := instance(s, "").Health(t.Context()); err == nil {
		t.Error("asked in the clear, and took the answer")
	}
}

func TestHealthGivesUp(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0") // accepts and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := ln.Accept()
		cancel()
		if err == nil {
			t.Cleanup(func() { _ = conn.Close() })
		}
	}()
	if err := (httpserver.Config{AdminAddr: ln.Addr().String()}).Health(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
