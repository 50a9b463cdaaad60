package pair_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/bearer"
)

var published = []string{
	"AUTH_URL", "RESOURCES_URL", "RESOURCES_2_URL", "AUTH_ADMIN_URL", "RESOURCES_ADMIN_URL", "RESOURCES_2_ADMIN_URL",
	"CA_FILE", "DATABASE_URL", "REDIS_URL", "NATS_URL", "CLERK_URL", "CLERK_ISSUER", "DEMO_USER", "DEMO_PASSWORD",
	"DEMO_CLIENT_ID", "DEMO_CLIENT_SECRET", "DEMO_ADMIN_CLIENT_ID", "DEMO_ADMIN_CLIENT_SECRET",
}

// hostile would change a program that inherited it.
var hostile = []string{
	"DATABASE_URL=postgres://wrong", "REDIS_URL=redis://wrong", "LD_PRELOAD=/nonexistent.so", "PGDATA=/wrong",
	"APP_ENV=prod", "HTTP_ADDR=:1", "GODEBUG=http2debug=2", "IFS=/", "ENV=/wrong", "PATH=",
}

func TestRunPublishesWhatIsTrue(t *testing.T) {
	t.Parallel()
	r := begin(t)
	for _, name := range published {
		if r.env[name] == "" {
			t.Errorf("stack.env lacks %s", name)
		}
	}
	pids := r.pids(t)
	for _, name := range []string{"postgres", "redis", "nats", "auth", "resources-1", "resources-2", "supervisor"} {
		if !alive(pids[name]) {
			t.Errorf("%s is not alive as %d", name, pids[name])
		}
	}
	for name := range pids {
		if _, err := os.Stat(filepath.Join(r.dir, "logs", name+".log")); err != nil && name != "supervisor" {
			t.Error(err)
		}
	}
	r.assertServers(t)
	client := r.client(t)
	for _, variable := range []string{"AUTH_URL", "RESOURCES_URL", "RESOURCES_2_URL"} {
		assertOK(t, client, http.MethodGet, r.env[variable])
	}
	for _, variable := range []string{"AUTH_ADMIN_URL", "RESOURCES_ADMIN_URL", "RESOURCES_2_ADMIN_URL"} {
		assertOK(t, client, http.MethodGet, r.env[variable]+"/readyz")
	}
	assertOK(t, client, http.MethodPost, r.env["CLERK_URL"]+"/dev/session-token")
	seen := r.environment(t, r.env["AUTH_ADMIN_URL"])
	for _, want := range []string{`"DEMO_PASSWORD=` + r.env["DEMO_PASSWORD"], `"JWT_ISSUER=` + r.env["AUTH_URL"], `"LOG_LEVEL=debug"`, `"APP_ENV=dev"`, `"CLERK_WEBHOOK_SECRET=whsec_`} {
		if !strings.Contains(seen, want) {
			t.Errorf("auth does not see %s", want)
		}
	}
	if strings.Contains(r.environment(t, r.env["RESOURCES_ADMIN_URL"]), "DEMO_") {
		t.Error("resources sees the demo user's password")
	}
}

// With keys, auth has the only directory of them, and resources no secret.
func TestKeysInPlaceOfTheSecret(t *testing.T) {
	t.Parallel()
	r := begin(t, "TEST_EDDSA=1")
	auth, resources := r.environment(t, r.env["AUTH_ADMIN_URL"]), r.environment(t, r.env["RESOURCES_ADMIN_URL"])
	_, after, _ := strings.Cut(auth, `"JWT_KEYS_DIR=`)
	dir, _, _ := strings.Cut(after, `"`)
	if files, err := bearer.ReadKeys(dir); err != nil || len(files) != 1 {
		t.Errorf("%q: %v, %v", dir, files, err)
	}
	if !strings.Contains(auth, `"JWT_SECRET=`) || strings.Contains(auth, "JWT_JWKS_URL") {
		t.Error("auth sees other keys than its own")
	}
	if strings.Contains(resources, "JWT_SECRET") || strings.Contains(resources, "JWT_KEYS_DIR") ||
		!strings.Contains(resources, `"JWT_JWKS_URL=`+r.env["AUTH_URL"]+`/.well-known/jwks.json"`) {
		t.Error("resources sees a secret, or no keys")
	}
}

func TestRestartIsTheSameWhateverTheEnvironment(t *testing.T) {
	t.Parallel()
	r := begin(t)
	conn, err := pgx.Connect(t.Context(), r.env["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "CREATE TABLE kept (id INT8 PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	before := r.environment(t, r.env["RESOURCES_2_ADMIN_URL"])
	for _, name := range []string{"postgres", "redis", "nats", "resources-2"} {
		r.assertServers(t) // a service needs them when it starts
		for kind, env := range map[string][]string{"empty": nil, "hostile": hostile} {
			r.kill(t, name)
			cmd := r.restart(t, name, env...)
			within(t, "the report of "+kind+" "+name, func() bool {
				return strings.Contains(r.out.String(), fmt.Sprintf("%s runs again (process %d)", name, cmd.Process.Pid))
			})
			if again, err := restartOutput(t, r, name); err == nil || !strings.Contains(again, "already running") {
				t.Errorf("%s, %s environment: started twice: %s %v", name, kind, again, err)
			}
			if r.pids(t)[name] != cmd.Process.Pid {
				t.Errorf("%s: a start that was refused changed the list", name)
			}
		}
	}
	r.assertServers(t)
	if after := r.environment(t, r.env["RESOURCES_2_ADMIN_URL"]); after != before {
		t.Errorf("the environment changed:\n%s\n%s", before, after)
	}
	if conn, err = pgx.Connect(t.Context(), r.env["DATABASE_URL"]); err == nil {
		_, err = conn.Exec(t.Context(), "SELECT id FROM kept")
		_ = conn.Close(t.Context())
	}
	if err != nil {
		t.Errorf("PostgreSQL lost its data: %v", err)
	}
	for _, want := range []string{"redis (process", "killed by signal killed", "logs/redis.log", "start/redis"} {
		if !strings.Contains(r.out.String(), want) {
			t.Errorf("the console does not say %q", want)
		}
	}
	pids, dirs := r.traces(t)
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	assertGone(t, pids, dirs)
}

func TestNothingOutlivesTheSupervisor(t *testing.T) {
	t.Parallel()
	for name, sig := range map[string]syscall.Signal{"interrupt": syscall.SIGINT, "killed": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := begin(t)
			pids, dirs := r.traces(t)
			if err := r.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if err := r.cmd.Wait(); (err == nil) != (sig == syscall.SIGINT) {
				t.Errorf("it ended with %v", err)
			}
			if sig == syscall.SIGINT {
				slices.Reverse(pids) // what is left must be gone already, in any order
				for _, pid := range pids {
					if alive(pid) {
						t.Errorf("process %d outlives the supervisor", pid)
					}
				}
			}
			assertGone(t, pids, dirs)
		})
	}
}

// assertServers uses the published URLs as a client would.
func (r *theRun) assertServers(t *testing.T) {
	t.Helper()
	within(t, "PostgreSQL", func() bool {
		conn, err := pgx.Connect(t.Context(), r.env["DATABASE_URL"])
		if err != nil {
			return false
		}
		return conn.Close(context.WithoutCancel(t.Context())) == nil
	})
	opts, err := redis.ParseURL(r.env["REDIS_URL"])
	if err != nil {
		t.Fatal(err)
	}
	opts.TLSConfig = r.trust(t)
	client := redis.NewClient(opts)
	t.Cleanup(func() { _ = client.Close() })
	within(t, "Redis", func() bool { return client.Ping(t.Context()).Err() == nil })
	within(t, "NATS", func() bool {
		conn, err := nats.Connect(r.env["NATS_URL"], nats.RootCAs(r.env["CA_FILE"]))
		if err != nil {
			return false
		}
		defer conn.Close()
		js, err := conn.JetStream()
		if err != nil {
			return false
		}
		_, err = js.AccountInfo()
		return err == nil
	})
}

func (r *theRun) trust(t *testing.T) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(r.env["CA_FILE"])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

func (r *theRun) client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: r.trust(t)}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func assertOK(t *testing.T, client *http.Client, method, url string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%s: %d %v", url, resp.StatusCode, err)
	}
}
