package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"tandem.example/pkg/devstack"
)

func (s *service) administer(method, path, body string) reply {
	s.t.Helper()
	header := map[string]string{"Authorization": "Bearer " + s.administrator()}
	if body != "" {
		header["Content-Type"] = "application/json"
	}
	return s.send(s.request(method, path, body, header))
}

func TestClientAdministration(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	got := s.administer(http.MethodPost, "/v1/clients", `{"client_id":"shop","name":"The shop",
		"grants":["client_credentials","password","refresh_token"],"scopes":["resources:read","resources:write"],"first_party":true}`)
	secret := got.text("client_secret")
	if got.status != 201 || got.header.Get("Location") != "/v1/clients/shop" || !strings.HasPrefix(secret, "tandem_cs_") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	token := func(secret string, more ...string) reply {
		t.Helper()
		return s.post("/token", "shop", secret, append([]string{"grant_type", "client_credentials"}, more...)...)
	}
	user := func(secret string) reply {
		t.Helper()
		return s.post("/token", "shop", secret, "grant_type", "password", "username", s.env["DEMO_USER"], "password", s.env["DEMO_PASSWORD"])
	}
	begun := user(secret)
	if got := token(secret); got.status != 200 || begun.status != 200 {
		t.Fatalf("a client that was just made: %d %s", got.status, got.body)
	}
	if got := s.administer(http.MethodGet, "/v1/clients/shop", ""); got.status != 200 || strings.Contains(got.body, "secret") {
		t.Errorf("shown again: %d %s", got.status, got.body)
	}
	// Less than before holds for what is asked for from now on.
	if got := s.administer(http.MethodPatch, "/v1/clients/shop", `{"scopes":["resources:read"]}`); got.status != 200 || got.text("name") != "The shop" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := token(secret, "scope", "resources:write"); got.text("error") != "invalid_scope" {
		t.Errorf("a scope that was taken away: %d %s", got.status, got.body)
	}
	refresh := func(more ...string) reply {
		return s.post("/token", "shop", secret, append([]string{"grant_type", "refresh_token", "refresh_token", begun.text("refresh_token")}, more...)...)
	}
	if got := refresh("scope", "resources:write"); got.text("error") != "invalid_scope" {
		t.Errorf("a refresh for a scope that was taken away: %d %s", got.status, got.body)
	}
	if begun = refresh(); begun.text("scope") != "resources:read" {
		t.Errorf("a refresh: %d %s", begun.status, begun.body)
	}
	// Both secrets work, then one.
	rotated := s.administer(http.MethodPost, "/v1/clients/shop/rotate-secret", `{"overlap_seconds":3600}`)
	next := rotated.text("client_secret")
	if rotated.status != 200 || rotated.text("previous_secret_expires_at") == "" || token(secret).status != 200 || token(next).status != 200 {
		t.Errorf("overlap: %d %s", rotated.status, rotated.body)
	}
	rotated = s.administer(http.MethodPost, "/v1/clients/shop/rotate-secret", `{"overlap_seconds":0}`)
	last := rotated.text("client_secret")
	if token(secret).status != 401 || token(next).status != 401 || token(last).status != 200 {
		t.Errorf("no overlap: %d %s", rotated.status, rotated.body)
	}
	// Whatever it had ends with it.
	own := token(last).text("access_token")
	if got := s.administer(http.MethodPatch, "/v1/clients/shop", `{"disabled":true}`); got.status != 200 || got.json()["disabled"] != true {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if token(last).status != 401 || s.active(own) || s.active(begun.text("access_token")) {
		t.Error("a disabled client goes on")
	}
	if got := s.administer(http.MethodPatch, "/v1/clients/shop", `{"disabled":false}`); got.status != 200 || token(last).status != 200 || s.active(own) {
		t.Errorf("enabled again: %d %s", got.status, got.body)
	}
	s.checkLogged("shop", "client.create", "client.update", "client.rotate_secret", "client.end_sessions")
}

func (s *service) checkLogged(client string, types ...string) {
	s.t.Helper()
	for _, what := range types {
		items, _ := s.events(s.administrator(), "type", what, "client_id", client)
		if len(items) == 0 || items[0]["actor"] != s.env["DEMO_ADMIN_CLIENT_ID"] {
			s.t.Errorf("%s is not in the log: %v", what, items)
		}
	}
}

func TestClientsAreListedInPages(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	for _, body := range []string{`{"name":"public","public":true}`, `{"client_id":"zz","name":"last"}`} {
		if got := s.administer(http.MethodPost, "/v1/clients", body); got.status != 201 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	seen := map[string]bool{}
	for query, pages := "?limit=1", 0; query != ""; pages++ {
		got := s.administer(http.MethodGet, "/v1/clients"+query, "")
		var page struct {
			Items []struct {
				ID string `json:"client_id"`
			} `json:"items"`
			Next string `json:"next_cursor"`
		}
		if err := json.Unmarshal([]byte(got.body), &page); err != nil || len(page.Items) != 1 || pages > 4 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		seen[page.Items[0].ID] = true
		if query = ""; page.Next != "" {
			query = "?limit=1&cursor=" + page.Next
		}
	}
	if len(seen) != 4 || !seen["zz"] || !seen["demo-admin"] {
		t.Errorf("%v", seen)
	}
	if got := s.administer(http.MethodGet, "/v1/clients", ""); got.status != 200 || got.json()["next_cursor"] != nil {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestBadClientAdministration(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	if got := s.administer(http.MethodPost, "/v1/clients", `{"client_id":"app","name":"x","public":true}`); got.status != 201 || got.text("client_secret") != "" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	const rotate = "/v1/clients/demo-client/rotate-secret"
	for _, test := range []struct {
		method, path, body string
		status             int
		code, pointer      string
	}{
		{"GET", "/v1/clients?limit=0", "", 400, "invalid_parameter", "limit"},
		{"GET", "/v1/clients?cursor=a_b", "", 400, "invalid_cursor", ""},
		{"GET", "/v1/clients/nobody", "", 404, "client_not_found", ""},
		{"GET", "/v1/clients/a_b", "", 404, "client_not_found", ""},
		{"POST", "/v1/clients", `{"client_id":"app","name":"x"}`, 409, "client_exists", ""},
		{"POST", "/v1/clients", `{`, 400, "malformed_json", ""},
		{"POST", "/v1/clients", `{"name":"x","secret":"mine"}`, 400, "invalid_body", "/secret"},
		{"POST", "/v1/clients", `{"name":"x","scopes":["a b"]}`, 400, "invalid_body", "/scopes/0"},
		{"POST", "/v1/clients", `{"name":"x","grants":["password"]}`, 400, "invalid_client_metadata", "/grants/0"},
		{"POST", "/v1/clients", `{"name":"x","scopes":["resources:burn"]}`, 400, "invalid_client_metadata", "/scopes/0"},
		{"PATCH", "/v1/clients/nobody", `{"name":"x"}`, 404, "client_not_found", ""},
		{"PATCH", "/v1/clients/demo-client", `{`, 400, "malformed_json", ""},
		{"PATCH", "/v1/clients/demo-client", `{"name":null}`, 400, "invalid_body", "/name"},
		{"PATCH", "/v1/clients/demo-client", `{"public":true}`, 400, "invalid_body", "/public"},
		{"PATCH", "/v1/clients/demo-client", `{"first_party":false}`, 400, "invalid_client_metadata", "/grants/0"},
		{"PATCH", "/v1/clients/app", `{"grants":["client_credentials"]}`, 400, "invalid_client_metadata", "/grants/0"},
		{"POST", rotate, `{`, 400, "malformed_json", ""},
		{"POST", rotate, `{}`, 400, "invalid_client_metadata", "/overlap_seconds"},
		{"POST", rotate, `{"overlap_seconds":-1}`, 400, "invalid_client_metadata", "/overlap_seconds"},
		{"POST", rotate, `{"overlap_seconds":1.5}`, 400, "invalid_body", "/overlap_seconds"},
		{"POST", "/v1/clients/app/rotate-secret", `{"overlap_seconds":0}`, 409, "client_has_no_secret", ""},
		{"POST", "/v1/clients/nobody/rotate-secret", `{"overlap_seconds":0}`, 404, "client_not_found", ""},
	} {
		got := s.administer(test.method, test.path, test.body)
		errs, _ := got.json()["errors"].([]any)
		at := ""
		if len(errs) > 0 {
			at, _ = errs[0].(map[string]any)["pointer"].(string)
		}
		if got.status != test.status || got.text("code") != test.code || test.pointer != "" && at != test.pointer {
			t.Errorf("%s %s %s: %d %s", test.method, test.path, test.body, got.status, got.body)
		}
	}
	for _, d := range guarded {
		if d.body != "" {
			header := map[string]string{"Authorization": "Bearer " + s.administrator(), "Content-Type": "text/plain"}
			if got := s.send(s.request(d.method, d.path, d.body, header)); got.status != 415 {
				t.Errorf("%+v as text: %d %s", d, got.status, got.body)
			}
		}
	}
}
