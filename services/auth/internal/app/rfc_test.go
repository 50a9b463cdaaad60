package app_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tandem.example/pkg/devstack"
	"tandem.example/services/auth/internal/clients"
)

// TestRFC has one test per clause, named by it.
func TestRFC(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	for clause, check := range map[string]func(*testing.T, *service){
		"RFC 6749 3.2 POST alone":                                      postAlone,
		"RFC 6749 5.1 a token response is a form of its own":           tokenResponse,
		"RFC 6749 5.2 every refusal has the form of the specification": refusalForm,
		"RFC 6749 5.2 who used Basic is challenged with it":            basicChallenge,
		"RFC 7009 2.1, 2.2 a token of another client is left alone":    foreignRevocation,
		"RFC 7009 2.2 an unknown token is as good as revoked":          unknownRevocation,
		"RFC 7009 2.2.1 unsupported_token_type is no excuse":           hintedRevocation,
		"RFC 7662 2.1 the caller is authenticated":                     introspectionCaller,
		"RFC 7662 2.2 an inactive token is described by that alone":    inactive,
		"RFC 8414 2, 3.2 the metadata says what is served":             served,
		"RFC 8693 2.2.2 what is not supported is an invalid_request":   exchangeUnsupported,
	} {
		t.Run(clause, func(t *testing.T) {
			t.Parallel()
			mine := *s
			mine.t = t
			check(t, &mine)
		})
	}
}

var oauthPaths = []string{"/token", "/revoke", "/introspect"}

// refusedAs wants an answer in the form of RFC 6749 §5.2.
func refusedAs(t *testing.T, what string, got reply, status int, code string) {
	t.Helper()
	m := got.json()
	if got.status != status || len(m) != 2 || m["error"] != code || m["error_description"] == nil {
		t.Errorf("%s: %d %s", what, got.status, got.body)
	}
	if got.header.Get("Content-Type") != "application/json" || got.header.Get("Cache-Control") != "no-store" || got.header.Get("Pragma") != "no-cache" {
		t.Errorf("%s: %v", what, got.header)
	}
}

func postAlone(t *testing.T, s *service) {
	t.Helper()
	for _, path := range oauthPaths {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			got := s.send(s.request(method, path, "", nil))
			refusedAs(t, method+" "+path, got, 405, "invalid_request")
			if got.header.Get("Allow") != "POST" {
				t.Errorf("%s %s: allows %q", method, path, got.header.Get("Allow"))
			}
		}
	}
}

func tokenResponse(t *testing.T, s *service) {
	t.Helper()
	got := s.demo("/token", "grant_type", "client_credentials")
	m := got.json()
	if got.status != 200 || m["token_type"] != "Bearer" || m["access_token"] == nil || m["expires_in"] == nil || m["scope"] == nil || len(m) != 4 {
		t.Errorf("%d %s", got.status, got.body)
	}
	for name, value := range map[string]string{"Cache-Control": "no-store", "Pragma": "no-cache", "Content-Type": "application/json"} {
		if got.header.Get(name) != value {
			t.Errorf("%s is %q", name, got.header.Get(name))
		}
	}
}

func refusalForm(t *testing.T, s *service) {
	t.Helper()
	for _, path := range oauthPaths {
		refusedAs(t, path+" too long", s.demo(path, "x", strings.Repeat("x", 300<<10)), 413, "invalid_request")
		refusedAs(t, path+" as JSON", s.send(s.request(http.MethodPost, path, "{}", map[string]string{"Content-Type": "application/json"})), 400, "invalid_request")
		refusedAs(t, path+" with a query", s.send(s.request(http.MethodPost, path+"?x=y", "", map[string]string{"Content-Type": formType})), 400, "invalid_request")
		refusedAs(t, path+" by nobody", s.send(s.request(http.MethodPost, path, "", map[string]string{"Content-Type": formType})), 401, "invalid_client")
		twice := url.Values{"client_id": {"demo-client"}, "token": {"a", "b"}}.Encode()
		refusedAs(t, path+" twice", s.send(s.request(http.MethodPost, path, twice, map[string]string{"Content-Type": formType})), 400, "invalid_request")
	}
}

func basicChallenge(t *testing.T, s *service) {
	t.Helper()
	for _, path := range oauthPaths {
		header := map[string]string{"Content-Type": formType, "Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("demo-client:wrong"))}
		got := s.send(s.request(http.MethodPost, path, "token=x", header))
		refusedAs(t, path, got, 401, "invalid_client")
		if !strings.HasPrefix(got.header.Get("WWW-Authenticate"), `Basic realm="`) {
			t.Errorf("%s: %v", path, got.header)
		}
	}
}

// stranger is another confidential client.
func (s *service) stranger(name string) func(path string, pairs ...string) reply {
	s.t.Helper()
	err := s.clients.Put(s.t.Context(), clients.Record{
		Client: clients.Client{ID: name, Grants: []string{"refresh_token"}, Scopes: "resources:read"}, Digest: clients.Digest("s"),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return func(path string, pairs ...string) reply { return s.post(path, name, "s", pairs...) }
}

func foreignRevocation(t *testing.T, s *service) {
	t.Helper()
	access, refresh := s.login()
	other := s.stranger("revoker")
	for _, token := range []string{access, refresh} {
		if got := other("/revoke", "token", token); got.status != 200 || got.body != `{"revoked":0}` || !s.active(token) {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
}

func unknownRevocation(t *testing.T, s *service) {
	t.Helper()
	for _, token := range []string{"x", "a.b.c", strings.Repeat("x", 5000), "é"} {
		if got := s.demo("/revoke", "token", token); got.status != 200 || got.body != `{"revoked":0}` {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	refusedAs(t, "no token", s.demo("/revoke"), 400, "invalid_request")
}

func hintedRevocation(t *testing.T, s *service) {
	t.Helper()
	for _, hint := range []string{"access_token", "refresh_token", "saml2", ""} {
		access, refresh := s.login()
		for _, token := range []string{access, refresh} {
			if got := s.demo("/revoke", "token", token, "token_type_hint", hint); got.status != 200 || s.active(token) {
				t.Errorf("%q: %d %s", hint, got.status, got.body)
			}
		}
	}
}

func introspectionCaller(t *testing.T, s *service) {
	t.Helper()
	access, refresh := s.login()
	if err := s.clients.Put(t.Context(), clients.Record{Client: clients.Client{ID: "page", Public: true}}); err != nil {
		t.Fatal(err)
	}
	refusedAs(t, "a public client", s.post("/introspect", "page", "", "token", access), 401, "invalid_client")
	refusedAs(t, "a wrong secret", s.post("/introspect", "demo-client", "x", "token", access), 401, "invalid_client")
	bearerOnly := map[string]string{"Content-Type": formType, "Authorization": "Bearer " + access}
	refusedAs(t, "a token alone", s.send(s.request(http.MethodPost, "/introspect", "token="+access, bearerOnly)), 401, "invalid_client")
	other := s.stranger("resource-server")
	if got := other("/introspect", "token", access); got.json()["active"] != true {
		t.Errorf("a resource server: %s", got.body)
	}
	if got := other("/introspect", "token", refresh); got.body != `{"active":false}` {
		t.Errorf("another client's refresh token: %s", got.body)
	}
}

func inactive(t *testing.T, s *service) {
	t.Helper()
	access, refresh := s.login()
	if got := s.demo("/revoke", "token", refresh); got.body != `{"revoked":1}` {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for _, token := range []string{access, refresh, "x", "a.b.c"} {
		if got := s.demo("/introspect", "token", token, "token_type_hint", "access_token"); got.status != 200 || got.body != `{"active":false}` {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
}

func served(t *testing.T, s *service) {
	t.Helper()
	got := s.send(s.request(http.MethodGet, "/.well-known/oauth-authorization-server", "", nil))
	m := got.json()
	if got.status != 200 || got.header.Get("Content-Type") != "application/json" || m["issuer"] != s.env["JWT_ISSUER"] {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for name, want := range map[string]string{
		"scopes_supported":                              "resources:read resources:write admin",
		"grant_types_supported":                         "password refresh_token client_credentials",
		"token_endpoint_auth_methods_supported":         "client_secret_basic client_secret_post none",
		"introspection_endpoint_auth_methods_supported": "client_secret_basic client_secret_post",
	} {
		var list []string
		values, _ := m[name].([]any)
		for _, v := range values {
			text, _ := v.(string)
			list = append(list, text)
		}
		if strings.Join(list, " ") != want {
			t.Errorf("%s: %v", name, m[name])
		}
	}
}

func exchangeUnsupported(t *testing.T, s *service) {
	t.Helper()
	refusedAs(t, "without Clerk", s.exchange("x"), 400, "unsupported_grant_type")
}
