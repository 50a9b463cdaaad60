package gateway_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// serve is a server with the certificate of the stack's.
func serve(t *testing.T, handler http.HandlerFunc) (url string, end func()) {
	t.Helper()
	stack := services(t).Stack()
	pair, err := tls.LoadX509KeyPair(stack.CertFile, stack.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(handler)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL, s.Close
}

// An application that knows nothing of tokens is told who calls, by auth alone.
func TestApplication(t *testing.T) {
	t.Parallel()
	application, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(r.Header) // shown to the test
	})
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			g := run(t, kind, behind{application: application})
			token := g.login(t, "scope", "resources:read")
			me := g.ask(t, "GET", "/v1/me", "", "Authorization", token)
			spoofed := []string{
				"Authorization", token, "X-Auth-Subject", "root", "X-Auth-Roles", "admin", "x_auth_tenant", "all",
			}
			got := g.ask(t, "GET", "/app/page?x=1", "", spoofed...)
			var seen http.Header
			if err := json.Unmarshal([]byte(got.body), &seen); got.status != 200 || err != nil {
				t.Fatalf("%d %s", got.status, got.body)
			}
			for name, want := range map[string]string{
				"X-Auth-Subject": me.text("sub"), "X-Auth-Tenant": me.text("sub"), "X-Auth-Scopes": "resources:read",
				"X-Auth-Client": g.pair.Variable("DEMO_CLIENT_ID"), "X-Auth-Roles": "",
			} {
				if all := strings.Join(seen.Values(name), "|"); all != want {
					t.Errorf("the application sees %s: %q, want %q", name, all, want)
				}
			}
			if strings.Contains(got.body, `"all"`) {
				t.Error("the application sees a header that looks like one of auth's")
			}
			for name, header := range map[string][]string{"no token": {"X-Auth-Subject", "root"}, "a bad one": {"Authorization", "Bearer x"}} {
				if got := g.ask(t, "GET", "/app/", "", header...); got.status != 401 || !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer ") {
					t.Errorf("%s: %d %v", name, got.status, got.header)
				}
			}
			machine := g.ask(t, "POST", "/token", form(g.pair, "grant_type", "client_credentials", "client_id", g.pair.Variable("DEMO_ADMIN_CLIENT_ID"), "client_secret", g.pair.Variable("DEMO_ADMIN_CLIENT_SECRET")), "Content-Type", urlencoded)
			if got := g.ask(t, "GET", "/app/", "", "Authorization", "Bearer "+machine.text("access_token")); got.status != 403 {
				t.Errorf("without the scope: %d", got.status)
			}
			if got := g.ask(t, "POST", "/logout", "", "Authorization", token); got.status != 200 {
				t.Fatalf("%d %s", got.status, got.body)
			}
			if got := g.ask(t, "GET", "/app/", "", spoofed...); got.status != 401 {
				t.Errorf("after the logout: %d", got.status)
			}
		})
	}
}

// auth is asked about a request without its body, its method and its query, and the
// application gets all of them.
func TestApplicationGetsTheBody(t *testing.T) {
	t.Parallel()
	application, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, r.Method+" "+r.URL.RequestURI()+" "+string(body)) // shown to the test
	})
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			g := run(t, kind, behind{application: application})
			token := g.login(t, "scope", "resources:read")
			for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
				for _, length := range []int{0, 1, 64 << 10, 600 << 10} {
					body := strings.Repeat("x", length)
					got := g.ask(t, method, "/app/a?scope=none&b=1", body, "Authorization", token)
					if want := method + " /app/a?scope=none&b=1 " + body; got.status != 200 || got.body != want {
						t.Errorf("%s of %d: %d, %d bytes of %d", method, length, got.status, len(got.body), len(want))
					}
				}
			}
		})
	}
}

// Without auth nothing passes.
func TestApplicationWithoutAuth(t *testing.T) {
	t.Parallel()
	application, _ := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request passed unasked") })
	away, err := services(t).Stack().FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			g := run(t, kind, behind{application: application, auth: away})
			if got := g.ask(t, "GET", "/app/", "", "Authorization", "Bearer x"); got.status < 500 || got.text("code") == "" {
				t.Errorf("%d %v %s", got.status, got.header, got.body)
			}
		})
	}
}
