package app_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/clerk"
)

// door is what a token opens.
type door struct {
	method, path, body string
	admin              bool // for administrators
	clerk              bool // also for Clerk's session tokens
	writes             bool // so that its outcome can be unknown
	lonely             bool // asks the database only about a Clerk session that it sees for the first time
}

var guarded = slices.Concat(
	[]door{
		{method: http.MethodGet, path: "/v1/me", clerk: true},
		{method: http.MethodPost, path: "/logout", writes: true},
		{method: http.MethodPost, path: "/logout/all", writes: true},
		{method: http.MethodGet, path: "/v1/sessions"},
		{method: http.MethodDelete, path: "/v1/sessions/{sid}", writes: true},
		{method: http.MethodPost, path: "/v1/users/0199a000-0000-7000-8000-000000000000/revoke", admin: true, writes: true},
		{method: http.MethodPost, path: "/v1/clients/nobody/revoke", admin: true, writes: true},
		{method: http.MethodPost, path: "/v1/revoke-all", body: "{}", admin: true, writes: true},
		{method: http.MethodGet, path: "/v1/audit", admin: true},
		{method: http.MethodGet, path: "/v1/clients", admin: true},
		{method: http.MethodPost, path: "/v1/clients", body: `{"name":"x"}`, admin: true, writes: true},
		{method: http.MethodGet, path: "/v1/clients/demo-client", admin: true},
		{method: http.MethodPatch, path: "/v1/clients/demo-client", body: `{"name":"x"}`, admin: true, writes: true},
		{method: http.MethodPost, path: "/v1/clients/demo-client/rotate-secret", body: `{"overlap_seconds":0}`, admin: true, writes: true},
		{method: http.MethodPut, path: "/v1/me/password", body: `{"current_password":"not it at all","new_password":"` + newPassword + `"}`, writes: true},
		{method: http.MethodGet, path: "/v1/users", admin: true},
		{method: http.MethodPost, path: "/v1/users", body: `{"login":"victim","password":"` + newPassword + `"}`, admin: true, writes: true},
		{method: http.MethodGet, path: "/v1/users/{user}", admin: true},
		{method: http.MethodPatch, path: "/v1/users/{user}", body: `{"roles":["other"]}`, admin: true, writes: true},
		{method: http.MethodPut, path: "/v1/users/{user}/password", body: `{"password":"` + newPassword + `"}`, admin: true, writes: true},
	},
	verifyDoors(),
)

func verifyDoors() []door {
	var doors []door
	for _, method := range verifyMethods {
		doors = append(doors, door{method: method, path: "/verify", clerk: true, lonely: true})
	}
	return doors
}

func writing() []door {
	return slices.DeleteFunc(slices.Clone(guarded), func(d door) bool { return !d.writes })
}

// keys are tokens that open every door.
type keys struct {
	user, admin string
	visit       clerk.Token // to be seen for the first time
}

func (s *service) cut() *keys {
	s.t.Helper()
	k := keys{}
	if err := s.users.Put(s.t.Context(), "victim", oldPassword, nil); err != nil {
		s.t.Fatal(err)
	}
	var victim string
	if err := s.db.Pool().QueryRow(s.t.Context(), `SELECT id FROM users WHERE login = 'victim'`).Scan(&victim); err != nil {
		s.t.Fatal(err)
	}
	s.env["VICTIM"] = victim // further instances copy it
	k.user, _ = s.login()
	k.admin = s.administrator()
	if s.stack.Clerk != nil {
		k.visit = s.visit(clerk.Wish{ExpiresIn: new(3600)})
	}
	return &k
}

func (k *keys) to(d door) string {
	switch {
	case d.admin:
		return k.admin
	case d.lonely && k.visit.JWT != "":
		return k.visit.JWT
	default:
		return k.user
	}
}

func (s *service) open(d door, token string) reply {
	s.t.Helper()
	header := map[string]string{"Authorization": "Bearer " + token}
	if d.body != "" {
		header["Content-Type"] = "application/json"
	}
	return s.send(s.request(d.method, strings.NewReplacer("{sid}", sidOf(token), "{user}", s.env["VICTIM"]).Replace(d.path), d.body, header))
}

// sidOf reads a token that need not be valid.
func sidOf(token string) string {
	var claims struct {
		SessionID string `json:"sid"`
	}
	parts := strings.Split(token, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[min(1, len(parts)-1)])
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return "none"
	}
	return claims.SessionID
}

func TestEachRefusalOfAToken(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true})
	k := s.cut()
	claims, err := s.verifier.Verify(t.Context(), k.user)
	if err != nil {
		t.Fatal(err)
	}
	bad := s.badTokens(claims)
	visits := s.badVisits()
	for _, d := range guarded {
		for code, raw := range bad {
			if got := s.open(d, raw); got.status != 401 || got.text("code") != code {
				t.Errorf("%+v, %s: %d %s", d, code, got.status, got.body)
			}
		}
		if got := s.send(s.request(d.method, d.path, d.body, nil)); got.status != 401 || got.text("code") != "token_missing" ||
			got.header.Get("WWW-Authenticate") != `Bearer realm="tandem"` {
			t.Errorf("%+v without a token: %d %s", d, got.status, got.body)
		}
		for code, raw := range visits {
			got := s.open(d, raw)
			if d.clerk && got.text("code") != code || got.status != 401 {
				t.Errorf("%+v, %s: %d %s", d, code, got.status, got.body)
			}
		}
		if d.admin {
			if got := s.open(d, k.user); got.status != 403 || got.text("code") != "insufficient_scope" {
				t.Errorf("%+v for a user: %d %s", d, got.status, got.body)
			}
		}
	}
}

// Redis is gone: nobody is let in, and nobody is told that a token has ended.
func TestASVS_16_5_3_NoDoorOpensWithoutRedis(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{OwnRedis: true, Clerk: true})
	k := s.cut()
	if err := s.stack.Kill("redis"); err != nil {
		t.Fatal(err)
	}
	for _, d := range guarded {
		if got := s.open(d, k.to(d)); got.status != 503 || got.header.Get("Retry-After") == "" || got.header.Get("WWW-Authenticate") != "" {
			t.Errorf("%+v: %d %s", d, got.status, got.body)
		}
	}
}

// Clerk cannot be asked about a session that is seen for the first time.
func TestEachDoorWithoutClerk(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true})
	k := s.cut()
	s.stack.Clerk.Break(clerk.BadGateway())
	for _, d := range guarded {
		if !d.clerk {
			continue
		}
		d.lonely = true
		if got := s.open(d, k.to(d)); got.status != 503 || got.text("code") != "clerk_unavailable" || got.header.Get("Retry-After") == "" {
			t.Errorf("%+v: %d %s", d, got.status, got.body)
		}
	}
}
