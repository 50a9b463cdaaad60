package app_test

import (
	"net/http"
	"strings"
	"testing"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
)

func TestRevokeAccessToken(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	access, refresh := s.login()
	if got := s.demo("/revoke", "token", access, "token_type_hint", "refresh_token"); got.status != 200 || got.body != `{"revoked":1}` {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := s.bearer(http.MethodGet, "/v1/me", access); got.status != 401 || !strings.Contains(got.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
		t.Errorf("%d %v", got.status, got.header)
	}
	if got := s.demo("/introspect", "token", access); got.body != `{"active":false}` {
		t.Errorf("introspection: %s", got.body)
	}
	if got := s.demo("/revoke", "token", access); got.status != 200 || got.body != `{"revoked":0}` {
		t.Errorf("again: %d %s", got.status, got.body)
	}
	if got := s.refresh(refresh); got.status != 200 {
		t.Errorf("its session has ended too: %d %s", got.status, got.body)
	}
}

func TestRevokeRefreshToken(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	access, refresh := s.login()
	if got := s.demo("/revoke", "token", refresh); got.status != 200 || got.body != `{"revoked":1}` {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if s.active(access) || s.active(refresh) || s.refresh(refresh).status != 400 {
		t.Error("something of the session is left")
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	access, refresh := s.login()
	other, _ := s.login()
	if got := s.bearer(http.MethodPost, "/logout", access); got.status != 200 || got.body != `{"revoked":1}` {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if s.active(access) || s.active(refresh) {
		t.Error("something of the session is left")
	}
	if !s.active(other) {
		t.Error("the user's other session ended too")
	}
	if got := s.bearer(http.MethodPost, "/logout", access); got.status != 401 {
		t.Errorf("again: %d %s", got.status, got.body)
	}
	if got := s.send(s.request(http.MethodPost, "/logout", "", nil)); got.status != 401 || got.header.Get("WWW-Authenticate") != `Bearer realm="tandem"` {
		t.Errorf("by nobody: %d %v", got.status, got.header)
	}
}

// A revocation is durable before it takes effect, and takes effect before it is
// acknowledged.
func TestRevocationsAreDurable(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	for name, end := range map[string]func(access, refresh string) reply{
		"logout":        func(access, _ string) reply { return s.bearer(http.MethodPost, "/logout", access) },
		"refresh token": func(_, refresh string) reply { return s.demo("/revoke", "token", refresh) },
		"access token":  func(access, _ string) reply { return s.demo("/revoke", "token", access) },
	} {
		access, refresh := s.login()
		claims, err := s.verifier.Verify(s.t.Context(), access)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.ownerExec(`REVOKE INSERT ON tombstones FROM tandem_auth`); err != nil {
			t.Fatal(err)
		}
		if got := end(access, refresh); got.status < 500 {
			t.Errorf("%s without a tombstone was acknowledged: %d %s", name, got.status, got.body)
		}
		if !s.active(access) {
			t.Errorf("%s took effect without a tombstone", name)
		}
		if _, err := s.ownerExec(`GRANT INSERT ON tombstones TO tandem_auth`); err != nil {
			t.Fatal(err)
		}
		if got := end(access, refresh); got.status != 200 {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		n := s.tombstones(bearer.KindSession, claims.SessionID) + s.tombstones(bearer.KindToken, claims.ID)
		if n != 1 || s.active(access) {
			t.Errorf("%s: %d tombstones", name, n)
		}
	}
}

func TestIntrospection(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	access, refresh := s.login()
	got := s.demo("/introspect", "token", access).json()
	for _, name := range []string{"active", "scope", "client_id", "token_type", "sub", "aud", "iss", "jti", "sid", "tenant", "iat", "exp"} {
		if got[name] == nil {
			t.Errorf("%s is missing: %v", name, got)
		}
	}
	if got := s.demo("/introspect", "token", refresh).json(); got["active"] != true || got["client_id"] != "demo-client" || got["token_type"] != nil {
		t.Errorf("a refresh token: %v", got)
	}
	if got := s.bearer(http.MethodGet, "/v1/me", refresh); got.status != 401 {
		t.Errorf("a refresh token as an access token: %d", got.status)
	}
}
