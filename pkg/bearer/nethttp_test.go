package bearer_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/bearer"
)

// doors are the ways in that answer refusals themselves, one for each framework.
func doors(t *testing.T, g *bearer.Guard) map[string]func(authorization ...string) reply {
	t.Helper()
	handler := g.Middleware("resources:read")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, err := bearer.From(r.Context())
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(w, "secret of "+caller.Subject)
	}))
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/", g.Fiber("resources:read"), func(c *fiber.Ctx) error {
		caller, err := bearer.From(c.UserContext())
		if err != nil {
			return err
		}
		return c.SendString("secret of " + caller.Subject)
	})
	return map[string]func(authorization ...string) reply{
		"net/http": func(authorization ...string) reply {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.Header["Authorization"] = authorization
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			return reply{w.Code, w.Body.String(), w.Header()}
		},
		"Fiber": func(authorization ...string) reply { return call(t, app, "/", authorization...) },
	}
}

func TestOtherServicesGuards(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.epoch(t, 1).Redis()
	key := edKey(t)
	p := newPublisher(t, key)
	v := p.verifier(t)
	claims := validClaims(time.Now())
	raw, err := key.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	claims.Scopes = "resources:write"
	narrow, err := key.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	away := newPublisher(t)
	away.serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })

	live := []string{bearer.TokenKey("u1", "j1"), bearer.SessionKey("u1", "s1")}
	enliven(t, client, live...)
	guard := bearer.NewGuard(v, w.keeper, nil)
	expect := func(name string, g *bearer.Guard, status int, code string, authorization ...string) {
		t.Helper()
		for door, ask := range doors(t, g) {
			got := ask(authorization...)
			if got.status != status || !strings.Contains(got.body, code) {
				t.Errorf("%s, %s: %d %s", door, name, got.status, got.body)
			}
			if status != 200 && (strings.Contains(got.body, "secret of") || got.header.Get("Content-Type") != "application/problem+json" || got.header.Get("Cache-Control") != "no-store") {
				t.Errorf("%s, %s: %v %s", door, name, got.header, got.body)
			}
			if challenge := got.header.Get("WWW-Authenticate"); (status == 401 || status == 403) != (challenge != "") {
				t.Errorf("%s, %s: challenge %q", door, name, challenge)
			}
			if (status == 503) != (got.header.Get("Retry-After") != "") {
				t.Errorf("%s, %s: Retry-After %q", door, name, got.header.Get("Retry-After"))
			}
		}
	}
	expect("live", guard, 200, "secret of u1", "Bearer "+raw)
	expect("nothing", guard, 401, "token_missing")
	expect("two headers", guard, 401, "token_malformed", "Bearer "+raw, "Bearer "+raw)
	expect("a forgery", guard, 401, "token_signature", "Bearer "+raw[:len(raw)-4]+"AAAA")
	expect("a scope that lacks", guard, 403, "insufficient_scope", "Bearer "+narrow)
	expect("no keys", bearer.NewGuard(away.verifier(t), w.keeper, nil), 503, "token_keys_unavailable", "Bearer "+raw)
	expect("a guard without anybody to ask", bearer.NewGuard(v, nil, nil), 503, "token_state_unknown", "Bearer "+raw)
	client.Del(t.Context(), live[1])
	expect("revoked", guard, 401, "token_revoked", "Bearer "+raw)
	// What an offline guard does not know.
	expect("revoked, offline", bearer.NewOfflineGuard(v), 200, "secret of u1", "Bearer "+raw)
	expect("a forgery, offline", bearer.NewOfflineGuard(v), 401, "token_signature", "Bearer "+raw[:len(raw)-4]+"AAAA")
	if err := w.stack.Kill("redis"); err != nil {
		t.Fatal(err)
	}
	expect("without Redis", guard, 503, "", "Bearer "+raw)
}

// An asking guard knows what auth knows, and takes nothing else for a yes.
func TestAskingGuard(t *testing.T) {
	t.Parallel()
	key := edKey(t)
	v := newPublisher(t, key).verifier(t)
	raw := sign(t, key)
	p := newPublisher(t)
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("orders%3A1:s+%2B"))
	asking := bearer.NewAskingGuard(v, &bearer.Introspector{URL: p.URL, ClientID: "orders:1", Secret: "s +", Client: p.Client()})
	for name, test := range map[string]struct {
		answer string
		status int
		want   int
		code   string
	}{
		"active":          {`{"active":true,"sub":"u1"}`, 200, 200, "secret of u1"},
		"not active":      {`{"active":false}`, 200, 401, "token_revoked"},
		"neither":         {`{}`, 200, 503, "token_state_unknown"},
		"a page":          {`<html>`, 200, 503, "token_state_unknown"},
		"twice":           {`{"active":false,"active":true}`, 200, 503, "token_state_unknown"},
		"unavailable":     {`{"error":"temporarily_unavailable"}`, 503, 503, "token_state_unknown"},
		"a wrong client":  {`{"error":"invalid_client"}`, 401, 503, "token_state_unknown"},
		"a redirect":      {`{"active":true}`, 307, 503, "token_state_unknown"},
		"an error, a yes": {`{"active":true}`, 500, 503, "token_state_unknown"},
	} {
		p.serve(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost || r.Header.Get("Authorization") != basic || r.PostFormValue("token") != raw {
				t.Errorf("asked %s %v", r.Method, r.Header)
			}
			w.Header().Set("Location", p.URL)
			w.WriteHeader(test.status)
			_, _ = io.WriteString(w, test.answer)
		})
		for door, ask := range doors(t, asking) {
			if got := ask("Bearer " + raw); got.status != test.want || !strings.Contains(got.body, test.code) {
				t.Errorf("%s, %s: %d %s", door, name, got.status, got.body)
			}
		}
	}
	p.serve(func(http.ResponseWriter, *http.Request) { t.Error("asked about a token that is no good") })
	for _, ask := range doors(t, asking) {
		if got := ask("Bearer x.y.z"); got.status != 401 {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	p.Close()
	for _, ask := range doors(t, asking) {
		if got := ask("Bearer " + raw); got.status != 503 {
			t.Errorf("nobody there: %d %s", got.status, got.body)
		}
	}
}
