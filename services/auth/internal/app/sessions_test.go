package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tandem.example/pkg/devstack"
)

// sessions reads the caller's list, all pages of it.
func (s *service) sessions(token string) (items []map[string]any) {
	s.t.Helper()
	for path := "/v1/sessions"; ; {
		got := s.bearer(http.MethodGet, path, token)
		if got.status != http.StatusOK {
			s.t.Fatalf("%s: %d %s", path, got.status, got.body)
		}
		list, _ := got.json()["items"].([]any)
		for _, i := range list {
			item, _ := i.(map[string]any)
			items = append(items, item)
		}
		next := got.text("next_cursor")
		if next == "" {
			return items
		}
		path = "/v1/sessions?cursor=" + url.QueryEscape(next)
	}
}

// machine is a token of the demo client for itself.
func (s *service) machine() string {
	s.t.Helper()
	got := s.demo("/token", "grant_type", "client_credentials")
	if got.status != http.StatusOK {
		s.t.Fatalf("%d %s", got.status, got.body)
	}
	return got.text("access_token")
}

// revokes wants that many sessions to be ended.
func (s *service) revokes(token string, to door, want string) {
	s.t.Helper()
	if got := s.open(to, token); got.status != http.StatusOK || got.body != `{"revoked":`+want+`}` {
		s.t.Errorf("%s: %d %s, want %s", to.path, got.status, got.body, want)
	}
}

func TestASVS_7_5_2_UsersSeeAndEndTheirSessions(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	s.machine() // somebody else's
	access, refresh := s.login("device", "phone\x01\u202e📱")
	other, _ := s.login()
	begun := s.sessions(access)
	if len(begun) != 2 || begun[0]["current"] != false || begun[1]["current"] != true || begun[1]["device"] != "phone\u202e📱" ||
		begun[0]["client_id"] != "demo-client" || begun[1]["last_used_at"] != begun[1]["created_at"] {
		t.Fatalf("%v", begun)
	}
	s.refresh(refresh)
	if used := s.sessions(other)[1]; used["last_used_at"] == used["created_at"] || used["current"] != false {
		t.Errorf("after a refresh: %v", used)
	}
	id, _ := begun[1]["id"].(string)
	for _, path := range []string{"/v1/sessions/" + id, "/v1/sessions/" + strings.ToUpper(id)} {
		if got := s.open(door{method: http.MethodDelete, path: path}, s.machine()); got.status != 404 || got.text("code") != "session_not_found" {
			t.Errorf("by another subject: %d %s", got.status, got.body)
		}
	}
	s.revokes(other, door{method: http.MethodDelete, path: "/v1/sessions/" + id}, "1")
	if s.active(access) || s.active(refresh) || !s.active(other) {
		t.Error("the wrong session ended")
	}
	for _, path := range []string{"/v1/sessions/" + id, "/v1/sessions/x", "/v1/sessions/%00", "/v1/sessions/" + id + "0"} {
		if got := s.open(door{method: http.MethodDelete, path: path}, other); got.status != 404 || got.text("code") != "session_not_found" {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if left := s.sessions(other); len(left) != 1 || left[0]["current"] != true {
		t.Errorf("%v", left)
	}
	for _, query := range []string{"limit=1", "cursor=x", "cursor=AAAA&cursor=AAAA"} {
		if got := s.bearer(http.MethodGet, "/v1/sessions?"+query, other); got.status != 400 || got.text("code") != "invalid_parameter" {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
}

// A long list comes in pages, and what only the database believes in is not in it.
func TestManyOwnSessions(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	const many = 130
	token := ""
	for range many {
		token = s.machine()
	}
	claims, err := s.verifier.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	e, err := s.keeper.Current()
	if err != nil {
		t.Fatal(err)
	}
	all := s.sessions(token)
	seen := map[any]bool{}
	for _, item := range all {
		seen[item["id"]] = true
	}
	if len(all) != many || len(seen) != many || all[0]["id"] != claims.SessionID {
		t.Fatalf("%d sessions, %d different", len(all), len(seen))
	}
	gone, _ := all[5]["id"].(string)
	e.Redis().Del(t.Context(), "auth:{"+claims.Subject+"}:s:"+gone)
	if left := s.sessions(token); len(left) != many-1 {
		t.Errorf("%d are left", len(left))
	}
	s.revokes(token, door{method: http.MethodPost, path: "/logout/all"}, "129")
}

func TestASVS_7_4_5_AdministratorsEndSessions(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	admin := s.administrator()
	user := func() (tokens []string, id string) {
		for range 3 {
			access, _ := s.login()
			tokens = append(tokens, access)
		}
		claims, err := s.verifier.Verify(t.Context(), tokens[0])
		if err != nil {
			t.Fatal(err)
		}
		return tokens, claims.Subject
	}
	dead := func(what string, tokens ...string) {
		t.Helper()
		for _, token := range tokens {
			if got := s.bearer(http.MethodGet, "/v1/me", token); got.status != 401 {
				t.Errorf("%s: one lives on", what)
			}
		}
	}
	tokens, id := user()
	machine := s.machine()
	s.revokes(tokens[1], door{method: http.MethodPost, path: "/logout/all"}, "3")
	dead("logout", tokens...)

	tokens, _ = user()
	s.revokes(admin, door{method: http.MethodPost, path: "/v1/users/" + strings.ToUpper(id) + "/revoke"}, "3")
	s.revokes(admin, door{method: http.MethodPost, path: "/v1/users/" + id + "/revoke"}, "0")
	s.revokes(admin, door{method: http.MethodPost, path: "/v1/users/user_2abc/revoke"}, "0")
	dead("user", tokens...)
	if !s.active(machine) {
		t.Error("an end of a user's sessions ended another's")
	}

	tokens, _ = user()
	s.revokes(admin, door{method: http.MethodPost, path: "/v1/clients/demo-client/revoke"}, "4")
	dead("client", append(tokens, machine)...)

	tokens, _ = user()
	s.revokes(admin, door{method: http.MethodPost, path: "/v1/revoke-all", body: `{}`}, "4")
	dead("all", append(tokens, admin)...)

	early, _ := user()
	admin = s.administrator()
	var between time.Time
	if err := s.db.Pool().QueryRow(t.Context(), `SELECT now()`).Scan(&between); err != nil {
		t.Fatal(err)
	}
	late, _ := user()
	newer := s.administrator()
	s.revokes(newer, door{method: http.MethodPost, path: "/v1/revoke-all", body: `{"before":"` + between.Format(time.RFC3339Nano) + `"}`}, "4")
	dead("before", append(early, admin)...)
	for _, token := range late {
		if !s.active(token) {
			t.Error("a session that began after the cut-off ended")
		}
	}
	events, _ := s.events(newer, "type", "cut_off")
	if len(events) != 2 || events[0]["actor"] != "demo-admin" {
		t.Errorf("in the log: %v", events)
	}

	for path, code := range map[string]string{
		"/v1/users/x/revoke": "user_not_found", "/v1/users/user_/revoke": "user_not_found", "/v1/users/demo-client/revoke": "user_not_found",
		"/v1/users/" + strings.ReplaceAll(id, "-", "") + "/revoke": "user_not_found",
		"/v1/clients/_/revoke": "client_not_found", "/v1/clients/" + id + "/revoke": "client_not_found",
	} {
		if got := s.open(door{method: http.MethodPost, path: path}, newer); got.status != 404 || got.text("code") != code {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	for body, code := range map[string]string{
		`{"before":"2999-01-01T00:00:00Z"}`: "cut_off_in_future",
		`{"before":"yesterday"}`:            "invalid_body",
		`{"before":null}`:                   "invalid_body", // a variable that was empty
		`{"befor":"2020-01-01T00:00:00Z"}`:  "invalid_body",
		`{`:                                 "malformed_json",
	} {
		if got := s.open(door{method: http.MethodPost, path: "/v1/revoke-all", body: body}, newer); got.status != 400 || got.text("code") != code {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	if got := s.open(door{method: http.MethodPost, path: "/v1/revoke-all"}, newer); got.status != 415 || got.text("code") != "unsupported_media_type" {
		t.Errorf("nothing: %d %s", got.status, got.body)
	}
}
