package app_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tandem.example/pkg/devstack"
)

// nginx with the configuration of deploy/gateway, before an application that
// tells what it was sent.
func TestNginx(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(r.Header)
	}))
	defer application.Close()
	ask := gateway(t, s, strings.TrimPrefix(application.URL, "http://"))

	access, _ := s.login("scope", "resources:read")
	claims, err := s.verifier.Verify(t.Context(), access)
	if err != nil {
		t.Fatal(err)
	}
	spoofed := map[string]string{"X-Auth-Subject": "root", "X-Auth-Roles": "admin", "x_auth_tenant": "all", "Authorization": "Bearer " + access}
	got := ask(spoofed)
	var seen http.Header
	if err := json.Unmarshal([]byte(got.body), &seen); got.status != 200 || err != nil {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for name, want := range map[string]string{
		"X-Auth-Subject": claims.Subject, "X-Auth-Tenant": claims.Tenant, "X-Auth-Scopes": "resources:read",
		"X-Auth-Client": claims.ClientID, "X-Auth-Session": claims.SessionID, "X-Auth-Roles": "",
	} {
		if all := seen.Values(name); strings.Join(all, "|") != want {
			t.Errorf("the application sees %s: %q, want %q", name, all, want)
		}
	}
	if strings.Contains(got.body, `"all"`) {
		t.Error("the application sees a header that looks like one of auth's")
	}
	for name, header := range map[string]map[string]string{
		"no token": {"X-Auth-Subject": "root"}, "a bad one": {"Authorization": "Bearer x"},
	} {
		if got := ask(header); got.status != 401 || !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%s: %d %v", name, got.status, got.header)
		}
	}
	narrow := s.post("/token", s.env["DEMO_ADMIN_CLIENT_ID"], s.env["DEMO_ADMIN_CLIENT_SECRET"], "grant_type", "client_credentials")
	if got := ask(map[string]string{"Authorization": "Bearer " + narrow.text("access_token")}); got.status != 403 {
		t.Errorf("without the scope: %d", got.status)
	}
	if got := s.bearer(http.MethodPost, "/logout", access); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := ask(spoofed); got.status != 401 {
		t.Errorf("after the logout: %d", got.status)
	}
}

// Without auth nothing passes.
func TestNginxWithoutAuth(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	access, _ := s.login()
	away := *s
	away.url = "https://" + freeAddress(t, s.stack)
	application := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a request passed unasked")
	}))
	defer application.Close()
	ask := gateway(t, &away, strings.TrimPrefix(application.URL, "http://"))
	if got := ask(map[string]string{"Authorization": "Bearer " + access}); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %v", got.status, got.header)
	}
}

// gateway starts nginx and gives a way to ask through it.
func gateway(t *testing.T, s *service, application string) func(header map[string]string) reply {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "deploy", "gateway", "nginx.conf"))
	if err != nil {
		t.Fatal(err)
	}
	addr, dir := freeAddress(t, s.stack), t.TempDir()
	words := []string{
		"${DIR}", dir, "${LISTEN}", addr, "${AUTH_ADDR}", strings.TrimPrefix(s.url, "https://"), "${AUTH_NAME}", "localhost",
		"${APPLICATION_ADDR}", application, "${CERT_FILE}", s.stack.CertFile, "${KEY_FILE}", s.stack.KeyFile, "${CA_FILE}", s.stack.CAFile,
	}
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, []byte(strings.NewReplacer(words...).Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd := exec.CommandContext(t.Context(), "nginx", "-p", dir, "-c", config, "-g", "daemon off; master_process off;")
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatalf("nginx is missing (make prepare adds it): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.trust.RootCAs, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}
	ask := func(header map[string]string) (reply, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+addr+"/anything", nil)
		if err != nil {
			return reply{}, err
		}
		for name, value := range header {
			r.Header.Set(name, value)
		}
		got, err := transport.RoundTrip(r)
		if err != nil {
			return reply{}, err
		}
		defer func() { _ = got.Body.Close() }()
		body, err := io.ReadAll(got.Body)
		return reply{got.StatusCode, got.Header, string(body)}, err
	}
	s.await("nginx does not listen", func() bool { _, err := ask(nil); return err == nil })
	return func(header map[string]string) reply {
		t.Helper()
		got, err := ask(header)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
}
