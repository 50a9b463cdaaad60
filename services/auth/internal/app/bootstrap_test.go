package app_test

import (
	"crypto/rand"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tandem.example/pkg/devstack"
)

const firstAdmin = "first-admin"

// founded is a service without anybody who administers it, and the environment
// that authd bootstrap is given.
func founded(t *testing.T) (s *service, set map[string]string) {
	t.Helper()
	stack := devstack.T(t, devstack.Options{Database: true, Redis: true, NATS: true})
	migrate(t, stack)
	served := environment(t, stack)
	maps.DeleteFunc(served, func(name, _ string) bool { return strings.HasPrefix(name, "DEMO_") })
	s = run(t, stack, served)
	s.awaitReady()
	return s, map[string]string{
		"APP_ENV": "prod", "DATABASE_URL": served["DATABASE_URL"], "ADMIN_CLIENT_ID": firstAdmin, "ADMIN_CLIENT_SECRET": rand.Text() + rand.Text(),
	}
}

// with is an environment with another variable.
func with(set map[string]string, name, value string) map[string]string {
	set = maps.Clone(set)
	set[name] = value
	return set
}

// Whoever comes first makes the client; it then administers a service that is in
// production.
func TestTheFirstAdministrator(t *testing.T) {
	t.Parallel()
	s, set := founded(t)
	var all sync.WaitGroup
	said := make([]string, 4)
	for n := range said {
		all.Go(func() {
			out, code := program(t, set, "bootstrap")
			if code != 0 {
				t.Errorf("%d %s", code, out)
			}
			said[n] = out
		})
	}
	all.Wait()
	if all := strings.Join(said, ""); strings.Count(all, firstAdmin+"  made\n") != 1 || strings.Count(all, firstAdmin+"  is there\n") != 3 {
		t.Errorf("%q", said)
	}
	s.env["DEMO_ADMIN_CLIENT_ID"], s.env["DEMO_ADMIN_CLIENT_SECRET"] = firstAdmin, set["ADMIN_CLIENT_SECRET"]
	if got := s.administer(http.MethodPost, "/v1/clients", `{"client_id":"shop","name":"The shop","grants":["client_credentials"]}`); got.status != 201 {
		t.Errorf("%d %s", got.status, got.body)
	}
	items, _ := s.events(s.administrator(), "type", "client.create", "client_id", firstAdmin)
	if len(items) != 1 || items[0]["actor"] != "authd_bootstrap" || items[0]["outcome"] != "success" {
		t.Errorf("in the log: %v", items)
	}
}

// A client that is there stays as it is, whatever is asked for.
func TestAnAdministratorIsNotReplaced(t *testing.T) {
	t.Parallel()
	s, set := founded(t)
	made := func(set map[string]string, code int, words ...string) {
		t.Helper()
		out, got := program(t, set, "bootstrap")
		if got != code || strings.Contains(out, set["ADMIN_CLIENT_SECRET"]) {
			t.Errorf("%d %s", got, out)
		}
		for _, word := range words {
			if !strings.Contains(out, word) {
				t.Errorf("it does not say %q: %s", word, out)
			}
		}
	}
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(set["ADMIN_CLIENT_SECRET"]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fromFile := with(set, "ADMIN_CLIENT_SECRET_FILE", file)
	delete(fromFile, "ADMIN_CLIENT_SECRET")
	if out, code := program(t, fromFile, "bootstrap"); code != 0 {
		t.Fatalf("%d %s", code, out)
	}
	made(set, 0, firstAdmin+"  is there")
	advice := []string{"/v1/clients/first-admin/rotate-secret", "ADMIN_CLIENT_ID that is not in use"}
	made(with(set, "ADMIN_CLIENT_SECRET", rand.Text()+rand.Text()), 1, advice...)

	s.env["DEMO_ADMIN_CLIENT_ID"], s.env["DEMO_ADMIN_CLIENT_SECRET"] = firstAdmin, set["ADMIN_CLIENT_SECRET"]
	rotated := s.administer(http.MethodPost, "/v1/clients/first-admin/rotate-secret", `{"overlap_seconds":3600}`)
	made(set, 1, advice...) // what works for an hour only
	set = with(set, "ADMIN_CLIENT_SECRET", rotated.text("client_secret"))
	made(set, 0, firstAdmin+"  is there")

	for _, change := range []struct{ body, word string }{
		{`{"scopes":["resources:read"]}`, "the scope admin"},
		{`{"scopes":["admin"],"disabled":true}`, "is disabled"},
	} {
		if got := s.administer(http.MethodPatch, "/v1/clients/first-admin", change.body); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		made(set, 1, change.word)
		// Who has lost every administrator makes another.
		second := with(set, "ADMIN_CLIENT_ID", "second-"+strings.ToLower(rand.Text()))
		made(second, 0, "  made")
		s.env["DEMO_ADMIN_CLIENT_ID"], s.env["DEMO_ADMIN_CLIENT_SECRET"] = second["ADMIN_CLIENT_ID"], set["ADMIN_CLIENT_SECRET"]
	}
}

// What is wrong with the command is said at once, without a value, and before the
// database is asked.
func TestBootstrapCommandLine(t *testing.T) {
	t.Parallel()
	stack := devstack.T(t, devstack.Options{Database: true})
	good := map[string]string{
		"DATABASE_URL": stack.DatabaseURL, "ADMIN_CLIENT_ID": firstAdmin, "ADMIN_CLIENT_SECRET": rand.Text() + rand.Text(),
	}
	for _, test := range []struct{ name, value, want string }{
		{"ADMIN_CLIENT_SECRET", "hunter2", "ADMIN_CLIENT_SECRET must be at least 32 bytes"},
		{"ADMIN_CLIENT_SECRET", strings.Repeat("hunt2", 8), "ADMIN_CLIENT_SECRET must be random"},
		{"ADMIN_CLIENT_SECRET", "change-me-" + rand.Text() + rand.Text(), "ADMIN_CLIENT_SECRET is a known default value"},
		{"ADMIN_CLIENT_SECRET", "", "ADMIN_CLIENT_SECRET must be set"},
		{"ADMIN_CLIENT_ID", "", "ADMIN_CLIENT_ID must be set"},
		{"ADMIN_CLIENT_ID", "hunter2_", "ADMIN_CLIENT_ID must be 1 to 64"},
		{"DATABASE_URL", "postgres://u:hunter2@h/d?sslmode=require", "DATABASE_URL must verify"},
	} {
		out, code := program(t, with(good, test.name, test.value), "bootstrap")
		if code != 2 || !strings.Contains(out, test.want) || strings.Contains(out, "hunt") {
			t.Errorf("%s: %d %s", test.want, code, out)
		}
	}
	if out, code := program(t, good, "bootstrap", "now"); code != 2 || !strings.Contains(out, "usage: authd bootstrap") {
		t.Errorf("%d %s", code, out)
	}
	// There are no tables yet.
	if out, code := program(t, good, "bootstrap"); code != 1 || strings.Contains(out, good["ADMIN_CLIENT_SECRET"]) {
		t.Errorf("%d %s", code, out)
	}
	// There is no database.
	away := with(good, "DATABASE_URL", "postgres://u:k3Jx9mQz@127.0.0.1:1/d?sslmode=verify-full")
	if out, code := program(t, away, "bootstrap"); code != 1 || strings.Contains(out, "k3Jx9mQz") {
		t.Errorf("%d %s", code, out)
	}
}
