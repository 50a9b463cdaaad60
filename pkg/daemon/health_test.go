package daemon_test

import (
	"bytes"
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"tandem.example/pkg/daemon"
	"tandem.example/pkg/fault"
	"tandem.example/pkg/httpserver"
)

// The command judges what runs in the same environment. This test sets that of
// its process, and so runs alone.
func TestHealth(t *testing.T) {
	var broken atomic.Bool
	reg := prometheus.NewRegistry()
	server, err := httpserver.New(httpserver.Options{
		Config: httpserver.Config{
			Addr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", RequestTimeout: time.Minute, ReadTimeout: time.Minute,
			WriteTimeout: time.Minute, IdleTimeout: time.Minute, BodyLimit: 4096, MaxConnections: 16,
		},
		Metrics: reg, Gatherer: reg, Log: zap.NewNop(),
		Checks: []httpserver.Check{{Name: "database", Probe: func(context.Context) error {
			if broken.Load() {
				return fault.New(fault.Unavailable, "database_unavailable", "the database does not answer")
			}
			return nil
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Setenv("APP_ENV", "test")
	t.Setenv("ADMIN_ADDR", server.AdminAddr())
	expect := func(when string, want int, says string, args ...string) {
		t.Helper()
		var out bytes.Buffer
		// A machine that is very busy may keep an answer back for longer than the
		// command waits, so it may try again.
		for deadline := time.Now().Add(30 * time.Second); ; out.Reset() {
			code := program().Main(append([]string{"health"}, args...), &out)
			if code == want && strings.Contains(out.String(), says) && strings.Count(out.String(), "\n") <= 1 {
				return
			}
			if time.Now().After(deadline) {
				t.Errorf("%s: exit %d: %s", when, code, out.String())
				return
			}
		}
	}
	expect("ready", 0, "")
	expect("arguments", 2, "usage", "now")
	broken.Store(true)
	expect("not ready", 1, "testd: not_ready: database (database_unavailable)\n")
	t.Setenv("TLS_CERT_FILE", t.TempDir()+"/none.pem")
	expect("half a key pair", 1, "the environment is not usable")
	t.Setenv("TLS_CERT_FILE", "")
	if err := server.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
	expect("stopped", 1, "testd: ask for readiness: ")
}

func TestAWrongCommand(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if code := program().Main([]string{"fly"}, &out); code != 2 || out.String() != "usage: testd [run | migrate | health]\n" {
		t.Errorf("exit %d: %s", code, out.String())
	}
}

func program() daemon.Program {
	return daemon.New("testd", "0", func(struct{}, string) fx.Option { return fx.Options() }, daemon.Schema{})
}
