package pair_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/internal/pair"
)

const roleRun = "run-the-pair"

// TestMain also is the supervisor and the two services of the tests below. They
// are other processes, since only those can be killed.
func TestMain(m *testing.M) {
	devstack.Child()
	var err error
	switch name := filepath.Base(os.Args[0]); {
	case name == "authd" || name == "resourcesd":
		err = serve(name)
	case len(os.Args) == 3 && os.Args[1] == roleRun:
		err = supervise(os.Args[2])
	case len(os.Args) == 3 && os.Args[1] == roleHold:
		err = hold(os.Args[2])
	default:
		os.Exit(devstack.Tests{M: m}.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// supervise is what the command does, on the stubs in dir.
func supervise(dir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return pair.Run(ctx, pair.Config{
		EdDSA: variable("TEST_EDDSA") != "",
		Authd: filepath.Join(dir, "authd"), Resourcesd: filepath.Join(dir, "resourcesd"),
		RunDir: filepath.Join(dir, ".run"), Environ: os.Environ(), Out: os.Stdout,
	})
}

// serve is a service that has what the supervisor relies on: migrate, run,
// /readyz, an end on SIGTERM. It shows its environment, and it is ready only if
// the migrations of both were done as they should.
func serve(name string) error {
	conn, err := pgx.Connect(context.Background(), variable("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if os.Args[1] == "migrate" {
		for _, statement := range []string{
			"CREATE TABLE IF NOT EXISTS " + name + "_done (id INT8 PRIMARY KEY)",
			"GRANT SELECT ON " + name + "_done TO " + variable("DATABASE_GRANT_TO"),
		} {
			if _, err := conn.Exec(context.Background(), statement); err != nil {
				return err
			}
		}
		return nil
	}
	if _, err := conn.Exec(context.Background(), "SELECT id FROM "+name+"_done"); err != nil {
		return err
	}
	admin := http.NewServeMux()
	admin.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	admin.HandleFunc("/environment", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(os.Environ())
	})
	return listen(admin)
}

// variable reads the environment that the supervisor made for the stub.
func variable(name string) string {
	return os.Getenv(name) //nolint:forbidigo // a stub has no config package
}

func listen(admin http.Handler) error {
	cert, err := tls.LoadX509KeyPair(variable("TLS_CERT_FILE"), variable("TLS_KEY_FILE"))
	if err != nil {
		return err
	}
	serve := func(addr string, handler http.Handler) *http.Server {
		return &http.Server{Addr: addr, Handler: handler, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}}
	}
	public := serve(variable("HTTP_ADDR"), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	private := serve(variable("ADMIN_ADDR"), admin)
	failed := make(chan error, 2)
	go func() { failed <- public.ListenAndServeTLS("", "") }()
	go func() { failed <- private.ListenAndServeTLS("", "") }()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	select {
	case err := <-failed:
		return err
	case <-stop:
		return errors.Join(public.Close(), private.Close())
	}
}

// environment is what the instance behind an admin URL sees.
func (r *theRun) environment(t *testing.T, adminURL string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, adminURL+"/environment", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := r.client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(body))
}
