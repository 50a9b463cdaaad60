package app_test

import (
	"net/http"
	"testing"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/clerk"
)

const (
	grantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	typeJWT       = "urn:ietf:params:oauth:token-type:jwt"
	typeAccess    = "urn:ietf:params:oauth:token-type:access_token"
)

func (s *service) exchange(token string, pairs ...string) reply {
	s.t.Helper()
	return s.demo("/token", append([]string{"grant_type", grantExchange, "subject_token", token, "subject_token_type", typeJWT}, pairs...)...)
}

func (s *service) visit(w clerk.Wish) clerk.Token {
	s.t.Helper()
	got, err := s.stack.Clerk.SessionToken(w)
	if err != nil {
		s.t.Fatal(err)
	}
	return got
}

func TestExchange(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true})
	visit := s.visit(clerk.Wish{OrgID: "org_7", OrgRole: "admin"})
	got := s.exchange(visit.JWT)
	if got.status != 200 || got.text("issued_token_type") != typeAccess || got.text("token_type") != "Bearer" ||
		got.text("scope") != "resources:read resources:write" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	claims, err := s.verifier.Verify(s.t.Context(), got.text("access_token"))
	if err != nil || claims.Subject != visit.UserID || claims.Tenant != "org_7" || claims.Roles[0] != "org:admin" || claims.Scopes.Has("admin") {
		t.Fatalf("%+v, %v", claims, err)
	}
	if me := s.bearer(http.MethodGet, "/v1/me", got.text("access_token")); me.status != 200 || me.text("tenant") != "org_7" {
		t.Errorf("me: %d %s", me.status, me.body)
	}
	if alone := s.exchange(s.visit(clerk.Wish{}).JWT); alone.status != 200 {
		t.Errorf("without an organisation: %d %s", alone.status, alone.body)
	}
	for name, test := range map[string]struct {
		got  reply
		code string
	}{
		"garbage":           {s.exchange("x"), "invalid_request"},
		"our own token":     {s.exchange(got.text("access_token")), "invalid_request"},
		"expired":           {s.exchange(s.visit(clerk.Wish{ExpiresIn: new(-60)}).JWT), "invalid_request"},
		"pending":           {s.exchange(s.visit(clerk.Wish{Pending: true}).JWT), "invalid_request"},
		"a wider scope":     {s.exchange(visit.JWT, "scope", "admin"), "invalid_scope"},
		"an id token":       {s.exchange(visit.JWT, "requested_token_type", "urn:ietf:params:oauth:token-type:id_token"), "invalid_request"},
		"an actor":          {s.exchange(visit.JWT, "actor_token", "x"), "invalid_request"},
		"no type":           {s.demo("/token", "grant_type", grantExchange, "subject_token", visit.JWT), "invalid_request"},
		"another type":      {s.demo("/token", "grant_type", grantExchange, "subject_token", visit.JWT, "subject_token_type", typeAccess), "invalid_request"},
		"a client that may": {s.exchange(visit.JWT, "requested_token_type", typeAccess), ""},
	} {
		if test.got.text("error") != test.code {
			t.Errorf("%s: %d %s", name, test.got.status, test.got.body)
		}
	}
	s.stack.Clerk.EndSession(visit.SessionID)
	if got := s.exchange(visit.JWT); got.text("error") != "invalid_request" {
		t.Errorf("a session that has ended: %d %s", got.status, got.body)
	}
	s.stack.Clerk.Break(clerk.RateLimited(9 * time.Second))
	if got := s.exchange(s.visit(clerk.Wish{}).JWT); got.status != 503 || got.header.Get("Retry-After") != "9" {
		t.Errorf("Clerk is busy: %d %s", got.status, got.body)
	}
	s.stack.Clerk.Break(clerk.BadGateway())
	if got := s.exchange(s.visit(clerk.Wish{}).JWT); got.status != 503 {
		t.Errorf("Clerk is broken: %d %s", got.status, got.body)
	}
}

func TestClerkTokenAsBearer(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true})
	visit := s.visit(clerk.Wish{OrgID: "org_7"})
	for range 5 {
		if got := s.bearer(http.MethodGet, "/v1/me", visit.JWT); got.status != 200 || got.text("sub") != visit.UserID || got.text("tenant") != "org_7" {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	if n := s.stack.Clerk.Calls("GET /v1/sessions/{id}"); n != 1 {
		t.Errorf("asked %d times about one session", n)
	}
	if got := s.bearer(http.MethodPost, "/logout", visit.JWT); got.status != 401 {
		t.Errorf("logout with a session of Clerk's: %d %s", got.status, got.body)
	}
	ended := s.visit(clerk.Wish{})
	s.stack.Clerk.EndSession(ended.SessionID)
	if got := s.bearer(http.MethodGet, "/v1/me", ended.JWT); got.status != 401 || got.text("code") != "clerk_session_ended" {
		t.Errorf("ended before first sight: %d %s", got.status, got.body)
	}
	// Revoked here while Clerk still calls it active.
	buried := s.visit(clerk.Wish{})
	err := bearer.NewTombstones(s.db).Bury(t.Context(), bearer.Tombstone{
		Kind: bearer.KindClerkSession, ID: buried.SessionID, Subject: buried.UserID, Expires: time.Now().Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.bearer(http.MethodGet, "/v1/me", buried.JWT); got.status != 401 || got.text("code") != "token_revoked" {
		t.Errorf("with a tombstone: %d %s", got.status, got.body)
	}
	if got := s.exchange(buried.JWT); got.text("error") != "invalid_request" {
		t.Errorf("with a tombstone, exchanged: %d %s", got.status, got.body)
	}
	// A revocation that overtakes the check of a first sight.
	marked := s.visit(clerk.Wish{})
	e, err := s.keeper.Current()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Redis().Set(t.Context(), bearer.ClerkRevokedKey(marked.SessionID), "1", time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	if got := s.bearer(http.MethodGet, "/v1/me", marked.JWT); got.status != 401 || got.text("code") != "token_revoked" {
		t.Errorf("with a marker: %d %s", got.status, got.body)
	}
	s.stack.Clerk.Break(clerk.BadGateway())
	if got := s.bearer(http.MethodGet, "/v1/me", s.visit(clerk.Wish{}).JWT); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("first sight without Clerk: %d %s", got.status, got.body)
	}
	if got := s.bearer(http.MethodGet, "/v1/me", visit.JWT); got.status != 200 {
		t.Errorf("a session seen before, without Clerk: %d %s", got.status, got.body)
	}
}

// A token that outlives its session costs Clerk one question, not one each time
// it is shown.
func TestThatASessionHasEndedIsRemembered(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true})
	ended := s.visit(clerk.Wish{})
	s.stack.Clerk.EndSession(ended.SessionID)
	for range 10 {
		if got := s.bearer(http.MethodGet, "/v1/me", ended.JWT); got.status != 401 || got.text("code") != "clerk_session_ended" {
			t.Fatalf("%d %s", got.status, got.body)
		}
		if got := s.exchange(ended.JWT); got.text("error") != "invalid_request" {
			t.Fatalf("exchange: %d %s", got.status, got.body)
		}
	}
	if n := s.stack.Clerk.Calls("GET /v1/sessions/{id}"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	s.stack.Clerk.Break(clerk.BadGateway())
	if got := s.bearer(http.MethodGet, "/v1/me", ended.JWT); got.status != 401 {
		t.Errorf("while Clerk is broken: %d %s", got.status, got.body)
	}
}

// What is known of a user ends each of their sessions: those that were seen and
// those that come later.
func TestATombstoneOfAUserOfClerk(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true})
	seen := s.visit(clerk.Wish{})
	if got := s.bearer(http.MethodGet, "/v1/me", seen.JWT); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	e, err := s.keeper.Current()
	if err != nil {
		t.Fatal(err)
	}
	stone := bearer.Tombstone{Kind: bearer.KindClerkUser, ID: seen.UserID, Subject: seen.UserID, Expires: time.Now().Add(time.Hour)}
	if err := bearer.NewTombstones(s.db).Bury(t.Context(), stone); err != nil {
		t.Fatal(err)
	}
	refused := func(what string) {
		t.Helper()
		for _, visit := range []clerk.Token{s.visit(clerk.Wish{SessionID: seen.SessionID}), s.visit(clerk.Wish{UserID: seen.UserID})} {
			if got := s.bearer(http.MethodGet, "/v1/me", visit.JWT); got.status != 401 || got.text("code") != "token_revoked" {
				t.Errorf("%s: %d %s", what, got.status, got.body)
			}
			if got := s.exchange(visit.JWT); got.text("error") != "invalid_request" {
				t.Errorf("%s, exchanged: %d %s", what, got.status, got.body)
			}
		}
	}
	if err := bearer.Enforce(t.Context(), e, stone); err != nil {
		t.Fatal(err)
	}
	refused("marked")
	if err := e.Redis().Del(t.Context(), bearer.ClerkRevokedKey(seen.UserID)).Err(); err != nil {
		t.Fatal(err)
	}
	refused("buried")
	if got := s.bearer(http.MethodGet, "/v1/me", s.visit(clerk.Wish{}).JWT); got.status != 200 {
		t.Errorf("somebody else: %d %s", got.status, got.body)
	}
}
