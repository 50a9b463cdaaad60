package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

const (
	oldPassword = "one two buckle shoe"
	newPassword = "three four knock at the door"
)

// person makes a user and signs them in so often.
func (s *service) person(name string, sessions int) (id string, tokens []string) {
	s.t.Helper()
	if err := s.users.Put(s.t.Context(), name, oldPassword, nil); err != nil {
		s.t.Fatal(err)
	}
	for range sessions {
		got := s.signIn("192.0.2.9", name, oldPassword)
		if got.status != 200 {
			s.t.Fatalf("%d %s", got.status, got.body)
		}
		tokens = append(tokens, got.text("access_token"))
	}
	if sessions > 0 {
		claims, err := s.verifier.Verify(s.t.Context(), tokens[0])
		if err != nil {
			s.t.Fatal(err)
		}
		id = claims.Subject
	}
	return id, tokens
}

// send JSON with a token, until the answer is about the request.
func (s *service) json(method, path, token string, body map[string]any) reply {
	s.t.Helper()
	return s.settled(func() *http.Request { return s.jsonRequest(method, path, token, body) })
}

func (s *service) jsonRequest(method, path, token string, body map[string]any) *http.Request {
	s.t.Helper()
	text := ""
	header := map[string]string{}
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			s.t.Error(err)
		}
		text, header["Content-Type"] = string(raw), "application/json"
	}
	if token != "" {
		header["Authorization"] = "Bearer " + token
	}
	return s.request(method, path, text, header)
}

func (s *service) alive(what string, want bool, tokens ...string) {
	s.t.Helper()
	for i, token := range tokens {
		got := s.json(http.MethodGet, "/v1/me", token, nil)
		if (got.status == 200) != want {
			s.t.Errorf("%s: session %d: %d %s", what, i, got.status, got.body)
		}
	}
}

func revokedBy(got reply) float64 { n, _ := got.json()["revoked"].(float64); return n }

func TestASVS_6_2_3_7_4_3_APasswordChangeNeedsTheCurrentOneAndEndsOtherSessions(t *testing.T) {
	t.Parallel()
	s := limited(t, nil)
	_, tokens := s.person("anna", 3)
	const path = "/v1/me/password"
	put := func(token, current, renewed string) reply {
		return s.json(http.MethodPut, path, token, map[string]any{"current_password": current, "new_password": renewed})
	}
	if got := put(tokens[0], "not it at all", newPassword); got.status != 403 || got.text("code") != "password_wrong" {
		t.Errorf("a wrong one: %d %s", got.status, got.body)
	}
	s.alive("after a wrong one", true, tokens...)
	if got := put(tokens[0], oldPassword, newPassword); got.status != 200 || revokedBy(got) != 2 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	s.alive("the one that changed it", true, tokens[0])
	s.alive("the others", false, tokens[1:]...)
	if got := s.signIn("192.0.2.9", "anna", oldPassword); got.status != 400 {
		t.Errorf("the old one: %d %s", got.status, got.body)
	}
	if got := s.signIn("192.0.2.9", "anna", newPassword); got.status != 200 {
		t.Errorf("the new one: %d %s", got.status, got.body)
	}
	client := s.from("192.0.2.9", "grant_type", "client_credentials").text("access_token")
	if got := put(client, oldPassword, newPassword); got.status != 409 || got.text("code") != "no_password" {
		t.Errorf("a client: %d %s", got.status, got.body)
	}
	types := map[string]int{}
	s.await("the log is not complete", func() bool {
		items, _ := s.events(s.administrator(), "type", "user.password")
		clear(types)
		for _, e := range items {
			types[fmt.Sprint(e["outcome"], e["reason"])]++
		}
		return types["success"] == 1 && types["failurepassword_wrong"] == 1 && types["failureno_password"] == 1
	})
}

// A stolen session does not help to find out the password.
func TestASVS_6_3_1_GuessesAtAPasswordChangeCount(t *testing.T) {
	t.Parallel()
	s := limited(t, map[string]string{"LIMIT_LOGIN_PAIR": "2/24h"})
	_, tokens := s.person("anna", 1)
	s.await("no guess is refused", func() bool {
		got := s.json(http.MethodPut, "/v1/me/password", tokens[0], map[string]any{"current_password": "not it at all", "new_password": newPassword})
		if got.status == 429 && (got.text("code") != "rate_limited" || got.header.Get("Retry-After") == "" || !strings.Contains(got.header.Get("RateLimit"), "login-pair")) {
			t.Errorf("%s %v", got.body, got.header)
		}
		return got.status == 429
	})
}

// The rules for a new password, wherever one is chosen.
func TestASVS_6_2_1_6_2_4_6_2_5_6_2_8_6_2_9_WhatAPasswordMayBe(t *testing.T) {
	t.Parallel()
	s := limited(t, nil)
	admin := s.administrator()
	id, tokens := s.person("anna.smith", 1)
	choices := map[string]struct {
		password string
		status   int
		code     string
	}{
		"7 characters":            {"aB3$xyz", 400, "invalid_body"},
		"8 characters":            {"tzhqwvkx", 200, ""},
		"128 characters":          {strings.Repeat("ab xy qz w", 12) + "12345678", 200, ""},
		"129 characters":          {strings.Repeat("ab xy qz w", 12) + "123456789", 400, "invalid_body"},
		"64 of four bytes":        {strings.Repeat("🦊🐼🐧🐸", 15) + "🐸🐸🐧🐼", 200, ""},
		"letters only":            {"correcthorsebatterystaple", 200, ""},
		"digits only":             {"79226193047", 200, ""},
		"spaces":                  {"a b c d x y q", 200, ""},
		"decomposed, 8 composed":  {"e\u0301a\u0301o\u0301u\u0301zxqw", 200, ""},
		"decomposed, 7 composed":  {"e\u0301a\u0301o\u0301u\u0301zxq", 400, "invalid_body"},
		"common":                  {"Password1", 422, "password_common"},
		"common in another shape": {"ｐ@ssw0rd", 422, "password_common"},
		"the login name":          {"Anna.Smith1", 422, "password_common"},
		"the product":             {"Tandem2024!", 422, "password_common"},
		"empty":                   {"", 400, "invalid_body"},
	}
	for name, c := range choices {
		got := s.json(http.MethodPut, "/v1/users/"+id+"/password", admin, map[string]any{"password": c.password})
		if got.status != c.status || got.text("code") != c.code {
			t.Errorf("reset, %s: %d %s", name, got.status, got.body)
		}
		if got.status != 200 {
			if c.password != "" && strings.Contains(got.body, c.password) {
				t.Errorf("%s: it is shown", name)
			}
			continue
		}
		if in := s.signIn("192.0.2.9", "anna.smith", c.password); in.status != 200 {
			t.Errorf("%s: it does not open: %d %s", name, in.status, in.body)
		}
		if in := s.signIn("192.0.2.9", "anna.smith", c.password+"x"); in.status != 400 {
			t.Errorf("%s: it was cut off: %d", name, in.status)
		}
	}
	s.alive("after a reset", false, tokens...)
	_, tokens = s.person("anna.smith", 1)
	for name, c := range choices {
		if c.status == 200 {
			continue
		}
		got := s.json(http.MethodPut, "/v1/me/password", tokens[0], map[string]any{"current_password": oldPassword, "new_password": c.password})
		if got.status != c.status || got.text("code") != c.code {
			t.Errorf("change, %s: %d %s", name, got.status, got.body)
		}
		got = s.json(http.MethodPost, "/v1/users", admin, map[string]any{"login": "anna.smith", "password": c.password})
		if got.status != c.status || got.text("code") != c.code {
			t.Errorf("creation, %s: %d %s", name, got.status, got.body)
		}
	}
}

func TestASVS_7_4_2_DisablingAUserOrChangingRolesEndsSessions(t *testing.T) {
	t.Parallel()
	s := limited(t, nil)
	admin := s.administrator()
	id, tokens := s.person("anna", 2)
	patch := func(body map[string]any) reply { return s.json(http.MethodPatch, "/v1/users/"+id, admin, body) }
	if got := patch(map[string]any{}); got.status != 200 || revokedBy(got) != 0 {
		t.Errorf("nothing: %d %s", got.status, got.body)
	}
	if got := patch(map[string]any{"disabled": false, "roles": []string{}}); got.status != 200 || revokedBy(got) != 0 {
		t.Errorf("nothing new: %d %s", got.status, got.body)
	}
	s.alive("after nothing", true, tokens...)
	if got := patch(map[string]any{"roles": []string{"admin", "admin"}}); got.status != 200 || revokedBy(got) != 2 {
		t.Errorf("roles: %d %s", got.status, got.body)
	}
	s.alive("after other roles", false, tokens...)
	got := s.signIn("192.0.2.9", "anna", oldPassword)
	token := got.text("access_token")
	if got := patch(map[string]any{"disabled": true}); got.status != 200 || got.json()["disabled"] != true || revokedBy(got) != 1 {
		t.Errorf("disabled: %d %s", got.status, got.body)
	}
	s.alive("after the user was disabled", false, token)
	if got := s.signIn("192.0.2.9", "anna", oldPassword); got.status != 400 {
		t.Errorf("a disabled user signs in: %d", got.status)
	}
	if got := patch(map[string]any{"disabled": false}); got.status != 200 {
		t.Errorf("enabled: %d %s", got.status, got.body)
	}
	if got := s.signIn("192.0.2.9", "anna", oldPassword); got.status != 200 {
		t.Errorf("an enabled user does not sign in: %d", got.status)
	}
	if items, _ := s.events(admin, "type", "user.update", "subject", id); len(items) != 3 || items[0]["actor"] != s.env["DEMO_ADMIN_CLIENT_ID"] {
		t.Errorf("the log: %v", items)
	}
	for _, path := range []string{"/v1/users/00000000-0000-7000-8000-000000000000", "/v1/users/x"} {
		for _, ask := range []reply{
			s.json(http.MethodGet, path, admin, nil), s.json(http.MethodPatch, path, admin, map[string]any{"disabled": true}),
			s.json(http.MethodPut, path+"/password", admin, map[string]any{"password": newPassword}),
		} {
			if ask.status != 404 || ask.text("code") != "user_not_found" {
				t.Errorf("%s: %d %s", path, ask.status, ask.body)
			}
		}
	}
}

func TestUsersAreCreatedAndListed(t *testing.T) {
	t.Parallel()
	s := limited(t, nil)
	admin := s.administrator()
	var ids []string
	for i := range 3 {
		got := s.json(http.MethodPost, "/v1/users", admin, map[string]any{"login": fmt.Sprintf("user-%d", i), "password": oldPassword, "roles": []string{"b", "a", "b"}})
		id := got.text("id")
		if got.status != 201 || got.header.Get("Location") != "/v1/users/"+id || fmt.Sprint(got.json()["roles"]) != "[a b]" {
			t.Fatalf("%d %s", got.status, got.body)
		}
		if one := s.json(http.MethodGet, "/v1/users/"+id, admin, nil); one.status != 200 || one.body != got.body {
			t.Errorf("%d %s, want %s", one.status, one.body, got.body)
		}
		ids = append(ids, id)
	}
	if got := s.json(http.MethodPost, "/v1/users", admin, map[string]any{"login": " user-1 ", "password": oldPassword}); got.status != 409 || got.text("code") != "login_taken" {
		t.Errorf("%d %s", got.status, got.body)
	}
	var listed []string
	for path := "/v1/users?limit=1"; path != ""; {
		got := s.json(http.MethodGet, path, admin, nil)
		items, _ := got.json()["items"].([]any)
		if got.status != 200 || len(items) > 1 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		for _, item := range items {
			listed = append(listed, item.(map[string]any)["id"].(string))
		}
		path = ""
		if next := got.text("next_cursor"); next != "" {
			path = "/v1/users?limit=1&cursor=" + next
		}
	}
	if len(listed) != 4 || fmt.Sprint(listed[1:]) != fmt.Sprint(ids) { // after the demo's
		t.Errorf("%v, want %v", listed, ids)
	}
	for _, query := range []string{"limit=0", "limit=201", "limit=x", "cursor=x", "sort=login"} {
		// The document refuses these too, so they are not held to it.
		r := s.request(http.MethodGet, "/v1/users?"+query, "", map[string]string{"Authorization": "Bearer " + admin})
		if got := s.send(r); got.status != 400 || got.text("code") != "invalid_parameter" {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
}

func TestRegistrationIsOpenWhereItIsWanted(t *testing.T) {
	t.Parallel()
	s := limited(t, map[string]string{"REGISTRATION": "open", "LIMIT_REGISTRATION": "9/24h"})
	post := func(body map[string]any) reply { return s.json(http.MethodPost, "/v1/users", "", body) }
	if got := post(map[string]any{"login": "anna", "password": oldPassword}); got.status != 201 || !strings.Contains(got.header.Get("RateLimit"), "registration") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := s.signIn("192.0.2.9", "anna", oldPassword); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := post(map[string]any{"login": "bert", "password": oldPassword, "roles": []string{"admin"}}); got.status != 400 {
		t.Errorf("a stranger takes a role: %d %s", got.status, got.body)
	}
	if got := s.json(http.MethodPost, "/v1/users", "nonsense", map[string]any{"login": "bert", "password": oldPassword}); got.status != 401 {
		t.Errorf("a bad token: %d %s", got.status, got.body)
	}
	s.await("no registration is refused", func() bool {
		got := post(map[string]any{"login": "anna", "password": oldPassword})
		if got.status != 409 && got.status != 429 {
			t.Errorf("%d %s", got.status, got.body)
		}
		return got.status == 429
	})
	admin := s.administrator()
	for _, reason := range []string{"login_taken", "rate_limited"} {
		s.expect(reason, admin, map[string]string{"type": "user.create", "outcome": "failure", "reason": reason, "actor": ""})
	}
}

// The bodies that each write refuses before it does anything.
func TestEachMalformedBodyOfAUser(t *testing.T) {
	t.Parallel()
	s := limited(t, nil)
	admin := s.administrator()
	_, tokens := s.person("anna", 1)
	for route, token := range map[string]string{
		"POST /v1/users": admin, "PATCH /v1/users/x": admin, "PUT /v1/users/x/password": admin, "PUT /v1/me/password": tokens[0],
	} {
		method, path, _ := strings.Cut(route, " ")
		for body, code := range map[string]string{
			"{": "malformed_json", `{"other":1}`: "invalid_body", `{"roles":1,"password":1}`: "invalid_body", `[]`: "invalid_body",
		} {
			r := s.request(method, path, body, map[string]string{"Content-Type": "application/json", "Authorization": "Bearer " + token})
			if got := s.send(r); got.status != 503 && (got.status != 400 || got.text("code") != code) {
				t.Errorf("%s %s: %d %s", route, body, got.status, got.body)
			}
		}
		r := s.request(method, path, "x", map[string]string{"Content-Type": "text/plain", "Authorization": "Bearer " + token})
		if got := s.send(r); got.status != 503 && (got.status != 415 || got.text("code") != "unsupported_media_type") {
			t.Errorf("%s: %d %s", route, got.status, got.body)
		}
	}
	for _, login := range []string{"", " ", "a\x01b", strings.Repeat("x", 255)} {
		if got := s.json(http.MethodPost, "/v1/users", admin, map[string]any{"login": login, "password": oldPassword}); got.status != 400 {
			t.Errorf("login %q: %d %s", login, got.status, got.body)
		}
	}
	for _, roles := range []any{[]string{"a b"}, []string{""}, nil, "a", strings.Split(strings.Repeat("r,", 40), ",")} {
		if got := s.json(http.MethodPost, "/v1/users", admin, map[string]any{"login": "bert", "password": oldPassword, "roles": roles}); got.status != 400 {
			t.Errorf("roles %v: %d %s", roles, got.status, got.body)
		}
	}
}

// Too many passwords at once: a place is free again in a moment.
func TestEachWriteThatHashesMayBeBusy(t *testing.T) {
	t.Parallel()
	s := limited(t, map[string]string{"LOGIN_QUEUE": "1", "LIMIT_LOGIN_PAIR": "100000/1s", "LIMIT_LOGIN_ACCOUNT": "200000/1s"})
	admin := s.administrator()
	id, tokens := s.person("anna", 1)
	for _, d := range []door{
		{method: http.MethodPost, path: "/v1/users", body: `{"login":"anna","password":"` + newPassword + `"}`, admin: true},
		{method: http.MethodPut, path: "/v1/users/" + id + "/password", body: `{"password":"` + newPassword + `"}`, admin: true},
		{method: http.MethodPut, path: "/v1/me/password", body: `{"current_password":"not it at all","new_password":"` + newPassword + `"}`},
	} {
		if !d.admin { // the reset has ended the session
			tokens = []string{s.signIn("192.0.2.9", "anna", newPassword).text("access_token")}
		}
		s.await(d.path+" is never busy", func() bool {
			var mu sync.Mutex
			busy := false
			var all sync.WaitGroup
			for range 16 {
				all.Go(func() {
					got := s.open(d, map[bool]string{true: admin, false: tokens[0]}[d.admin])
					mu.Lock()
					defer mu.Unlock()
					busy = busy || got.text("code") == "login_busy" && got.header.Get("Retry-After") != ""
				})
			}
			all.Wait()
			return busy
		})
	}
}
