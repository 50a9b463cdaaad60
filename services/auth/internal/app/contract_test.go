package app_test

import (
	"flag"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/clerk"
)

//go:generate go test . -run=^TestRouteTable$ -update
var update = flag.Bool("update", false, "rewrite the golden files")

// TestRouteTable also asks for each route once: one that the document does not
// have would answer something else than 404 or 405.
func TestRouteTable(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	var lines []string
	for _, r := range s.routes {
		lines = append(lines, r.Method+" "+r.Path)
		if got := s.send(s.request(r.Method, r.Path, "", nil)); got.status == 404 || got.status == 405 {
			t.Errorf("%s %s: %d %s", r.Method, r.Path, got.status, got.body)
		}
	}
	slices.Sort(lines)
	const golden = "testdata/routes.golden"
	got := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || got != string(want) {
		t.Errorf("the routes are\n%s, want\n%s (%v)", got, want, err)
	}
}

func TestEachRefusalOfAClient(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	long := strings.Repeat("x", 300<<10)
	for _, path := range []string{"/token", "/revoke", "/introspect"} {
		for name, test := range map[string]struct {
			got    reply
			status int
			code   string
		}{
			"nothing asked for": {s.demo(path), 400, "invalid_request"},
			"a stranger":        {s.post(path, "nobody", "x", "token", "x"), 401, "invalid_client"},
			"a long body":       {s.demo(path, "x", long), 413, "invalid_request"},
		} {
			if code := test.got.text("error") + test.got.text("code"); test.got.status != test.status || code != test.code {
				t.Errorf("%s, %s: %d %s", path, name, test.got.status, test.got.body)
			}
		}
	}
}

// badVisits has a session token of Clerk for each reason of its own.
func (s *service) badVisits() map[string]string {
	s.t.Helper()
	now := time.Now().Unix()
	stranger, err := s.stack.Clerk.Sign(map[string]any{
		"iss": s.stack.ClerkIssuer, "azp": "https://evil.example", "sub": "user_1", "sid": "sess_1", "exp": now + 60, "iat": now,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	ended := s.visit(clerk.Wish{})
	s.stack.Clerk.EndSession(ended.SessionID)
	return map[string]string{
		"clerk_party": stranger, "clerk_session_pending": s.visit(clerk.Wish{Pending: true}).JWT, "clerk_session_ended": ended.JWT,
	}
}

// badTokens has a token for each reason to refuse one, by the code of the refusal.
func (s *service) badTokens(good bearer.Claims) map[string]string {
	s.t.Helper()
	sign := func(change func(*bearer.Claims)) string {
		c := good
		change(&c)
		raw, err := s.keys.Sign(c)
		if err != nil {
			s.t.Fatal(err)
		}
		return raw
	}
	whole := sign(func(*bearer.Claims) {})
	header := func(text string) string { return enc(text) + "." + strings.SplitN(whole, ".", 2)[1] }
	kid := s.keys[0].ID
	bad := map[string]string{
		"token_malformed": "x", "token_signature": whole[:len(whole)-2],
		"token_algorithm":     header(`{"alg":"none","kid":"` + kid + `","typ":"at+jwt"}`),
		"token_type":          header(`{"alg":"HS256","kid":"` + kid + `","typ":"JWT"}`),
		"token_key_unknown":   header(`{"alg":"HS256","kid":"other","typ":"at+jwt"}`),
		"token_issuer":        sign(func(c *bearer.Claims) { c.Issuer = "https://other.example" }),
		"token_audience":      sign(func(c *bearer.Claims) { c.Audience = bearer.Audience{"other"} }),
		"token_expired":       sign(func(c *bearer.Claims) { c.Expires = 1 }),
		"token_not_yet_valid": sign(func(c *bearer.Claims) { c.NotBefore = time.Now().Add(time.Hour).Unix() }),
		"token_claims":        sign(func(c *bearer.Claims) { c.Tenant = "" }),
		"token_revoked":       sign(func(c *bearer.Claims) { c.ID = "never" }),
	}
	return bad
}

func TestDocumentsAreRevalidated(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/jwks.json", "/openapi.json"} {
		etag := s.send(s.request(http.MethodGet, path, "", nil)).header.Get("ETag")
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if got := s.send(s.request(method, path, "", map[string]string{"If-None-Match": etag})); got.status != 304 {
				t.Errorf("%s %s: %d", method, path, got.status)
			}
		}
	}
}
