package gateway_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/uuid"
)

// Of what a client says about itself nothing arrives: neither through the gateway, nor
// at a service that it reaches itself. The gateway's word counts.
func TestWhoIsBelieved(t *testing.T) {
	t.Parallel()
	application, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(r.Header) // shown to the test
	})
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			g := run(t, kind, behind{application: application})
			forged := uuid.NewString()
			header := []string{"X-Request-Id", forged, "X-Request-Id", forged, "X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "http"}
			caller := newClient(t, g.pair.Stack().CAFile, g.url, "127.0.0.21")
			for _, path := range []string{"/v1/me", "/v1/resources", "/nowhere"} {
				if id := caller.ask(t, "GET", path, "", header...).header.Get("X-Request-Id"); id == forged || id == "" {
					t.Errorf("%s: the request is known as %q", path, id)
				}
			}
			var seen http.Header
			got := caller.ask(t, "GET", "/app/", "", append(header, "Authorization", g.login(t))...)
			if err := json.Unmarshal([]byte(got.body), &seen); err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]string{"X-Forwarded-For": "127.0.0.21", "X-Forwarded-Proto": "https"} {
				if all := seen.Values(name); len(all) != 1 || all[0] != want {
					t.Errorf("the application sees %s: %q", name, all)
				}
			}
			if all := seen.Values("X-Request-Id"); len(all) != 1 || all[0] == forged {
				t.Errorf("the application sees the request as %q", all)
			}
			for from, believed := range map[string]bool{trusted: true, "127.0.0.22": false} {
				got := g.direct(t, "RESOURCES_URL", from).ask(t, "GET", "/v1/resources", "", header...)
				if id := got.header.Get("X-Request-Id"); (id == forged) != believed {
					t.Errorf("from %s, the request is known as %s", from, id)
				}
			}
		})
	}
}

// Limits count the client's own address, whatever it writes.
func TestLimitsBehindTheGateway(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			g := run(t, kind, behind{})
			account := "nobody-" + uuid.NewString()
			guess := func(c client, forwarded string) reply {
				return c.ask(t, "POST", "/token", form(g.pair, "grant_type", "password", "username", account, "password", "wrong guess"),
					"Content-Type", urlencoded, "X-Forwarded-For", forwarded)
			}
			caller := newClient(t, g.pair.Stack().CAFile, g.url, "127.0.0.31")
			eventually(t, "the client is refused", func() bool {
				return guess(caller, uuid.NewString()).status == http.StatusTooManyRequests
			})
			if got := guess(caller, "127.0.0.32"); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
				t.Errorf("under another name: %d %v", got.status, got.header)
			}
			for name, other := range map[string]client{
				"another client":              newClient(t, g.pair.Stack().CAFile, g.url, "127.0.0.32"),
				"one beside the gateway":      g.direct(t, "AUTH_URL", "127.0.0.33"),
				"whom the gateway speaks for": g.direct(t, "AUTH_URL", trusted),
			} {
				forwarded := "127.0.0.31"
				if other.ip.String() == trusted {
					forwarded = "127.0.0.34"
				}
				if got := guess(other, forwarded); got.status != http.StatusBadRequest {
					t.Errorf("%s: %d %s", name, got.status, got.body)
				}
			}
		})
	}
}
