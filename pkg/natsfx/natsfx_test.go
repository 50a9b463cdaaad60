package natsfx_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest"
	"go.uber.org/zap/zaptest/observer"

	"tandem.example/pkg/devstack/leak"
	"tandem.example/pkg/env"
	"tandem.example/pkg/natsfx"
)

func TestMain(m *testing.M) { leak.Main(m) }

const password = "correct-horse-battery"

// certificate makes a server certificate for 127.0.0.1 that is its own CA and
// returns the file that holds it.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// serve runs a server until the test ends; port -1 means any.
func serve(t *testing.T, port int, cert *tls.Certificate) *server.Server {
	t.Helper()
	options := &server.Options{Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true, Username: "app", Password: password}
	if cert != nil {
		options.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*cert}}
	}
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("server not ready")
	}
	return s
}

func start(t *testing.T, cfg natsfx.Config, log *zap.Logger) *natsfx.Client {
	t.Helper()
	c := natsfx.New(cfg, "test", log)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return c
}

func awaitReady(t *testing.T, c *natsfx.Client, want error) {
	t.Helper()
	eventually(t, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Ready(ctx); !errors.Is(err, want) {
			return fmt.Errorf("ready: want %w, got %w", want, err)
		}
		return nil
	})
}

// eventually repeats look until it finds nothing wrong.
func eventually(t *testing.T, look func() error) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(2 * time.Minute)
	for {
		err := look()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatal(err)
		case <-tick.C:
		}
	}
}

func TestConnectsWithTLSAndPassword(t *testing.T) {
	t.Parallel()
	cert, ca := certificate(t)
	s := serve(t, -1, &cert)
	url := env.Secret("tls://app:" + password + "@" + s.Addr().String())
	c := start(t, natsfx.Config{URL: url, CAFile: ca}, zaptest.NewLogger(t))
	awaitReady(t, c, nil)
	if _, err := c.Conn().TLSConnectionState(); err != nil {
		t.Fatalf("connection is not encrypted: %v", err)
	}
}

func TestRefusesAnUnknownCertificate(t *testing.T) {
	t.Parallel()
	cert, _ := certificate(t)
	_, otherCA := certificate(t)
	s := serve(t, -1, &cert)
	url := env.Secret("tls://app:" + password + "@" + s.Addr().String())
	c := start(t, natsfx.Config{URL: url, CAFile: otherCA}, zaptest.NewLogger(t))
	if err := c.Ready(t.Context()); !errors.Is(err, natsfx.ErrUnavailable) {
		t.Fatalf("a server with another certificate was accepted: %v", err)
	}
}

func TestRefusesAServerWithoutTLS(t *testing.T) {
	t.Parallel()
	s := serve(t, -1, nil)
	c := start(t, natsfx.Config{URL: env.Secret("tls://app:" + password + "@" + s.Addr().String())}, zaptest.NewLogger(t))
	if err := c.Ready(t.Context()); !errors.Is(err, natsfx.ErrUnavailable) {
		t.Fatalf("spoke in the clear: %v", err)
	}
}

// The whole life: NATS away at start, there, gone, back; told in the log,
// without the password.
func TestStartsWithoutServerAndFindsItAgain(t *testing.T) {
	t.Parallel()
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := reserved.Addr().(*net.TCPAddr)
	if err := reserved.Close(); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zapcore.DebugLevel)
	c := start(t, natsfx.Config{URL: env.Secret("nats://app:" + password + "@" + address.String())}, zap.New(core))
	awaitReady(t, c, natsfx.ErrUnavailable)
	first := serve(t, address.Port, nil)
	awaitReady(t, c, nil)
	first.Shutdown()
	first.WaitForShutdown()
	awaitReady(t, c, natsfx.ErrUnavailable)
	if err := c.Conn().Publish("s", nil); !errors.Is(err, nats.ErrReconnectBufExceeded) {
		t.Fatalf("a message was held back to be sent later: %v", err)
	}
	serve(t, address.Port, nil)
	awaitReady(t, c, nil)
	for _, message := range []string{"nats not reached yet", "nats connected", "nats connection lost", "nats connected again"} {
		eventually(t, func() error { // the library tells its handlers in a goroutine of their own
			if logs.FilterMessage(message).Len() == 0 {
				return fmt.Errorf("no log line %q in %v", message, logs.All())
			}
			return nil
		})
	}
	for _, line := range logs.All() {
		text, err := zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "m"}).EncodeEntry(line.Entry, line.Context)
		if err != nil || strings.Contains(text.String(), password) {
			t.Errorf("password in the log: %s %v", text, err)
		}
	}
}

func TestStartFailsOnWhatCannotWork(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]natsfx.Config{
		"url": {URL: "tls://app:" + password + "@[::1"},
		"ca":  {URL: "tls://h", CAFile: "/nowhere"},
	} {
		err := natsfx.New(cfg, "test", zap.NewNop()).Start(t.Context())
		if err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestStopWithoutStart(t *testing.T) {
	t.Parallel()
	c := natsfx.New(natsfx.Config{URL: "tls://h"}, "test", zap.NewNop())
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(t.Context()); !errors.Is(err, natsfx.ErrUnavailable) {
		t.Fatal(err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	_, ca := certificate(t)
	for name, test := range map[string]struct {
		cfg  natsfx.Config
		env  string
		want string
	}{
		"good":             {natsfx.Config{URL: "tls://u:p@a,tls://u:p@b:4223", CAFile: ca}, env.Production, ""},
		"creds file":       {natsfx.Config{URL: "tls://a", CredsFile: ca}, env.Production, ""},
		"plain text":       {natsfx.Config{URL: "nats://u:p@a"}, env.Production, "NATS_URL"},
		"one plain":        {natsfx.Config{URL: "tls://u:p@a,nats://u:p@b"}, env.Production, "NATS_URL"},
		"plain in dev":     {natsfx.Config{URL: "nats://u:p@a"}, env.Development, "NATS_URL"},
		"anonymous":        {natsfx.Config{URL: "tls://a"}, env.Production, "NATS_CREDS_FILE"},
		"anonymous dev":    {natsfx.Config{URL: "tls://a"}, env.Development, ""},
		"one anonymous":    {natsfx.Config{URL: "tls://u:p@a,tls://b"}, env.Production, "NATS_CREDS_FILE"},
		"malformed":        {natsfx.Config{URL: "a:b:c"}, env.Production, "NATS_URL"},
		"no host":          {natsfx.Config{URL: "tls://"}, env.Production, "NATS_URL"},
		"missing ca":       {natsfx.Config{URL: "tls://u:p@a", CAFile: "/nowhere"}, env.Production, "NATS_CA_FILE"},
		"missing creds":    {natsfx.Config{URL: "tls://a", CredsFile: "/nowhere"}, env.Production, "NATS_CREDS_FILE"},
		"missing, no echo": {natsfx.Config{}, env.Production, ""},
	} {
		var got []string
		test.cfg.Check(test.env, func(variable, problem string) {
			got = append(got, variable)
			if strings.Contains(problem, "u:p") {
				t.Errorf("%s: a secret in %q", name, problem)
			}
		})
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

func TestTraceTravelsInHeaders(t *testing.T) {
	t.Parallel()
	ctx, span := sdktrace.NewTracerProvider().Tracer("t").Start(t.Context(), "s")
	defer span.End()
	msg := nats.NewMsg("s")
	natsfx.Inject(ctx, msg)
	got := trace.SpanContextFromContext(natsfx.Extract(t.Context(), msg.Header))
	if got.TraceID() != span.SpanContext().TraceID() || got.SpanID() != span.SpanContext().SpanID() {
		t.Fatalf("got %v from %v", got, msg.Header)
	}
	bare := &nats.Msg{}
	natsfx.Inject(t.Context(), bare)
	if len(bare.Header) != 0 {
		t.Fatalf("headers out of nothing: %v", bare.Header)
	}
}

func TestModule(t *testing.T) {
	t.Parallel()
	s := serve(t, -1, nil)
	var c *natsfx.Client
	app := fxtest.New(t, natsfx.Module,
		fx.Supply(natsfx.Config{URL: env.Secret("nats://app:" + password + "@" + s.Addr().String())}, natsfx.Name("module")),
		fx.Provide(zap.NewNop), fx.Populate(&c))
	app.RequireStart()
	awaitReady(t, c, nil)
	app.RequireStop()
	if !c.Conn().IsClosed() {
		t.Fatal("still open after stop")
	}
}
