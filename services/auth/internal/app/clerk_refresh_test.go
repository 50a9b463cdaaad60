package app_test

import (
	"net/http"
	"testing"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/clerk"
	"tandem.example/services/auth/internal/clients"
)

func TestARefreshAsksClerkEachTime(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true})
	asked := func() int { return s.stack.Clerk.Calls("GET /v1/sessions/{id}") }
	v := s.visitor(clerk.Wish{OrgID: "org_1", OrgRole: "admin"})
	for range 3 {
		before := asked()
		got := s.refresh(v.refresh)
		if got.status != 200 || asked() != before+1 {
			t.Fatalf("%d %s, asked %d times", got.status, got.body, asked()-before)
		}
		v.access, v.refresh = got.text("access_token"), got.text("refresh_token")
		if claims, err := s.verifier.Verify(t.Context(), v.access); err != nil || claims.Tenant != "org_1" || claims.Subject != v.UserID {
			t.Errorf("%+v, %v", claims, err)
		}
	}
	_, own := s.login()
	before := asked()
	if got := s.refresh(own); got.status != 200 || asked() != before {
		t.Errorf("a session of ours: %d, asked %d times", got.status, asked()-before)
	}
	// Clerk says so, though no event has come.
	s.stack.Clerk.EndSession(v.SessionID)
	if got := s.refresh(v.refresh); got.status != 400 || got.text("error") != "invalid_grant" {
		t.Errorf("after the end: %d %s", got.status, got.body)
	}
	claims, err := s.verifier.Verify(t.Context(), v.access)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.bearer(http.MethodGet, "/v1/me", v.access); got.status != 401 || s.tombstones(bearer.KindSession, claims.SessionID) != 1 {
		t.Errorf("its access token: %d %s", got.status, got.body)
	}
	before = asked()
	if got := s.refresh(v.refresh); got.text("error") != "invalid_grant" || asked() != before {
		t.Errorf("once more: %d %s, asked %d times", got.status, got.body, asked()-before)
	}
}

// What Clerk does not answer changes nothing: the refresh token is as good as
// before.
func TestARefreshWithoutClerk(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true})
	v := s.visitor(clerk.Wish{})
	for name, fault := range map[string]struct {
		fault clerk.Fault
		wait  string
	}{"429": {clerk.RateLimited(7 * time.Second), "7"}, "502": {clerk.BadGateway(), "2"}, "hang": {clerk.Hang(), "2"}} {
		s.stack.Clerk.Break(fault.fault)
		for range 2 {
			got := s.refresh(v.refresh)
			if got.status != 503 || got.text("error") != "temporarily_unavailable" || got.header.Get("Retry-After") != fault.wait {
				t.Errorf("%s: %d %s", name, got.status, got.body)
			}
		}
		s.stack.Clerk.Mend()
		got := s.refresh(v.refresh)
		if got.status != 200 {
			t.Fatalf("after %s: %d %s", name, got.status, got.body)
		}
		v.refresh = got.text("refresh_token")
	}
}

func TestAClientWithoutTheGrantGetsNoRefreshToken(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true})
	record := clients.Record{
		Client: clients.Client{ID: "brief", Grants: []string{grantExchange}, Scopes: "resources:read"}, Digest: clients.Digest("s"),
	}
	if err := s.clients.Put(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	got := s.post("/token", "brief", "s", "grant_type", grantExchange, "subject_token", s.visit(clerk.Wish{}).JWT, "subject_token_type", typeJWT)
	if got.status != 200 || got.text("access_token") == "" || got.text("refresh_token") != "" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// An impersonation is in the log under the name of who does it.
func TestWhoImpersonatesIsInTheLog(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true})
	v := s.visit(clerk.Wish{})
	now := time.Now().Unix()
	raw, err := s.stack.Clerk.Sign(map[string]any{
		"v": 2, "iss": s.stack.ClerkIssuer, "azp": s.stack.Clerk.AuthorizedParty(), "sub": v.UserID, "sid": v.SessionID,
		"iat": now, "exp": now + 60, "act": map[string]any{"iss": "https://dashboard.clerk.com", "sub": "user_support"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.exchange(raw); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if n := s.count(`SELECT count(*) FROM audit WHERE type = 'token.issue' AND actor = 'user_support' AND subject = $1`, v.UserID); n != 1 {
		t.Errorf("%d lines in the log", n)
	}
}

// Each way in fails for the time of a fault of Clerk's, with a 503 and Clerk's
// own wish when to come again, and not before or after.
func TestFaultsOfClerkAtTheService(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true})
	known := s.visitor(clerk.Wish{})
	for name, fault := range map[string]struct {
		fault clerk.Fault
		wait  string
	}{"429": {clerk.RateLimited(9 * time.Second), "9"}, "502": {clerk.BadGateway(), "2"}, "hang": {clerk.Hang(), "2"}} {
		stranger := s.visit(clerk.Wish{})
		s.stack.Clerk.Break(fault.fault)
		direct, exchanged := s.bearer(http.MethodGet, "/v1/me", stranger.JWT), s.exchange(stranger.JWT)
		if direct.status != 503 || direct.text("code") != "clerk_unavailable" || direct.header.Get("Retry-After") != fault.wait {
			t.Errorf("%s, direct: %d %s, %s", name, direct.status, direct.body, direct.header.Get("Retry-After"))
		}
		if exchanged.status != 503 || exchanged.text("error") != "temporarily_unavailable" || exchanged.header.Get("Retry-After") != fault.wait {
			t.Errorf("%s, exchanged: %d %s, %s", name, exchanged.status, exchanged.body, exchanged.header.Get("Retry-After"))
		}
		s.lives(name+", known before", known)
		s.stack.Clerk.Mend()
		if got := s.bearer(http.MethodGet, "/v1/me", stranger.JWT); got.status != 200 {
			t.Errorf("after %s, direct: %d %s", name, got.status, got.body)
		}
		if got := s.exchange(stranger.JWT); got.status != 200 {
			t.Errorf("after %s, exchanged: %d %s", name, got.status, got.body)
		}
	}
	// A new key is taken at once, and no token of the one before.
	before := s.visit(clerk.Wish{})
	if _, err := s.stack.Clerk.RotateKeys(); err != nil {
		t.Fatal(err)
	}
	after := s.visit(clerk.Wish{SessionID: before.SessionID})
	if got := s.bearer(http.MethodGet, "/v1/me", after.JWT); got.status != 200 {
		t.Errorf("the new key: %d %s", got.status, got.body)
	}
	if got := s.bearer(http.MethodGet, "/v1/me", before.JWT); got.status != 401 || got.text("code") != "token_key_unknown" {
		t.Errorf("the withdrawn key: %d %s", got.status, got.body)
	}
	if got := s.exchange(before.JWT); got.text("error") != "invalid_request" {
		t.Errorf("the withdrawn key, exchanged: %d %s", got.status, got.body)
	}
}
