package app_test

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/clerk"
)

var verifyMethods = []string{
	http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

func (s *service) verify(method, query, token string, more map[string]string) reply {
	s.t.Helper()
	header := map[string]string{"Authorization": "Bearer " + token}
	maps.Copy(header, more)
	return s.send(s.request(method, "/verify"+query, "", header))
}

func TestVerify(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true})
	access, _ := s.login("scope", "resources:read")
	claims, err := s.verifier.Verify(t.Context(), access)
	if err != nil {
		t.Fatal(err)
	}
	visit := s.visit(clerk.Wish{OrgID: "org_7", OrgRole: "admin"})
	spoofed := map[string]string{"X-Auth-Subject": "root", "X-Auth-Scopes": "admin", "X-Auth-Roles": "admin", "X-Auth-Tenant": "all"}
	for _, method := range append(verifyMethods, http.MethodHead) {
		for name, test := range map[string]struct {
			token string
			want  [6]string // subject, tenant, scopes, client, session, roles
		}{
			"our token":   {access, [6]string{claims.Subject, claims.Subject, "resources:read", "demo-client", claims.SessionID, ""}},
			"Clerk's own": {visit.JWT, [6]string{visit.UserID, "org_7", "resources:read resources:write", devstack.AuthorizedParty, visit.SessionID, "org:admin"}},
		} {
			got := s.verify(method, "?scope=resources%3Aread", test.token, spoofed)
			if got.status != 200 || got.body != "" || got.header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%s, %s: %d %s", method, name, got.status, got.body)
			}
			for i, field := range []string{"Subject", "Tenant", "Scopes", "Client", "Session", "Roles"} {
				if all := got.header.Values("X-Auth-" + field); len(all) != 1 || all[0] != test.want[i] {
					t.Errorf("%s, %s: X-Auth-%s is %q, not %q", method, name, field, all, test.want[i])
				}
			}
		}
		for query, lacking := range map[string]string{
			"?scope=admin":                        "admin",
			"?scope=resources%3Aread+admin":       "resources:read admin",
			"?scope=resources:read&scope=admin":   "resources:read admin", // whoever adds one only asks for more
			"?scope=admin&scope=resources%3Aread": "admin resources:read",
		} {
			got := s.verify(method, query, access, nil)
			want := `Bearer realm="tandem", error="insufficient_scope", scope="` + lacking + `"`
			if got.status != 403 || got.header.Get("WWW-Authenticate") != want || got.header.Get("X-Auth-Subject") != "" {
				t.Errorf("%s %s: %d %v", method, query, got.status, got.header)
			}
		}
		for _, query := range []string{"?scope=", "?scope=a++b", "?scope=%22", "?scope=a%0d%0ab", "?scope=" + strings.Repeat("x", 65)} {
			if got := s.verify(method, query, access, nil); got.status != 400 || method != http.MethodHead && got.text("code") != "invalid_parameter" {
				t.Errorf("%s %s: %d %s", method, query, got.status, got.body)
			}
		}
	}
	if got := s.bearer(http.MethodPost, "/logout", access); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := s.verify(http.MethodGet, "", access, nil); got.status != 401 || got.text("code") != "token_revoked" || got.header.Get("X-Auth-Subject") != "" {
		t.Errorf("after the logout: %d %s", got.status, got.body)
	}
}

// A gateway that asks with the original method, for a page of an origin that CORS
// allows, must not take the answer to a preflight request for a yes.
func TestVerifyIsNotForPages(t *testing.T) {
	t.Parallel()
	stack := devstack.T(t, devstack.Options{Database: true, Redis: true, NATS: true})
	migrate(t, stack)
	set := environment(t, stack)
	set["CORS_ALLOW_ORIGINS"] = "https://app.example"
	s := run(t, stack, set)
	s.awaitReady()
	got := s.send(s.request(http.MethodOptions, "/verify", "", map[string]string{
		"Origin": "https://app.example", "Access-Control-Request-Method": "GET",
	}))
	if got.status != 401 || got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%d %v", got.status, got.header)
	}
}

// What a gateway asks for each request costs one round trip to Redis and nothing
// else.
func TestVerifyIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{OwnRedis: true})
	access, _ := s.login()
	s.owner(`ALTER TABLE clients RENAME TO c`, `ALTER TABLE users RENAME TO u`, `ALTER TABLE sessions RENAME TO s`)
	s.verify(http.MethodGet, "", access, nil) // opens connections
	const many = 100
	before := s.commands()
	for range many {
		if got := s.verify(http.MethodGet, "?scope=resources:read", access, nil); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	for name, calls := range s.commands() {
		want := 0
		switch name {
		case "exists":
			want = many
		case "info", "ping", "hello", "client", "client|setinfo", "client|setname", "auth", "select": // about the connection
			continue
		}
		if n := calls - before[name]; n != want {
			t.Errorf("%d questions took %d %s", many, n, name)
		}
	}
}

// commands is how often each was called at the Redis server.
func (s *service) commands() map[string]int {
	s.t.Helper()
	e, err := s.keeper.Current()
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := e.Redis().Info(s.t.Context(), "commandstats").Result()
	if err != nil {
		s.t.Fatal(err)
	}
	calls := map[string]int{}
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		number, _, _ := strings.Cut(rest, ",")
		if n, err := strconv.Atoi(number); err == nil {
			calls[name] = n
		}
	}
	return calls
}
