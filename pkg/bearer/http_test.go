package bearer_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/fault"
)

// gate is an app whose one secret is behind a guard, in both its forms.
func gate(w world, external bearer.External, keys bearer.KeySet) *fiber.App {
	app := fiber.New(fiber.Config{
		DisableStartupMessage: true,
		ErrorHandler: func(c *fiber.Ctx, err error) error {
			f := fault.From(err)
			status := map[fault.Kind]int{fault.Unauthenticated: 401, fault.Forbidden: 403, fault.Unavailable: 503, fault.NotFound: 404}[f.Kind]
			return c.Status(max(status, 200)).SendString(f.Code)
		},
	})
	app.Use(func(c *fiber.Ctx) error {
		c.Set("X-Before", "kept")
		return c.Next()
	})
	g := bearer.NewGuard(&bearer.Verifier{Keys: keys, Issuer: issuer, Audience: audience}, w.keeper, external)
	answer := func(c *fiber.Ctx) error {
		p, err := bearer.From(c.UserContext())
		if err != nil {
			return err
		}
		if trip := epoch.TripFrom(c.UserContext()); trip != nil { // as a cached read does
			trip.Add(redis.NewStringCmd(c.UserContext(), "get", "x"))
			_ = trip.Do(c.UserContext())
		}
		c.Set(fiber.HeaderETag, `"secret"`)
		c.Set(fiber.HeaderLocation, "/secret")
		c.Set("Cache-Status", "tandem; hit")
		c.Status(http.StatusAccepted)
		return c.SendString("secret of " + p.Subject)
	}
	app.Get("/required", g.Require("resources:read"), answer)
	app.Get("/deferred", g.Deferred("resources:read"), answer)
	app.Get("/lost", g.Deferred("resources:read"), func(*fiber.Ctx) error {
		return fault.New(fault.NotFound, "thing_not_found", "")
	})
	app.Get("/admitted", g.Deferred("resources:read"), func(c *fiber.Ctx) error {
		if err := bearer.Admit(c.UserContext()); err != nil {
			return errors.New("refused in time")
		}
		return c.SendString("admitted")
	})
	app.Get("/admin", g.Require("admin"), answer)
	app.Get("/deferred-admin", g.Deferred("admin"), answer)
	app.Get("/forgotten", answer)
	return app
}

type reply struct {
	status int
	body   string
	header http.Header
}

func call(t *testing.T, app *fiber.App, path string, authorization ...string) reply {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.Header["Authorization"] = authorization
	got, err := app.Test(r, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{got.StatusCode, string(body), got.Header}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.epoch(t, 1).Redis()
	keys := secrets(t, secretA, "")
	app := gate(w, nil, keys)
	claims := validClaims(time.Now())
	raw, err := keys.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	token, session := bearer.TokenKey("u1", "j1"), bearer.SessionKey("u1", "s1")
	both := []string{"/required", "/deferred"}

	for _, path := range both {
		for name, test := range map[string]struct {
			live          []string
			authorization []string
			status        int
			code, realm   string
		}{
			"nothing":        {nil, nil, 401, "token_missing", `Bearer realm="tandem"`},
			"basic":          {nil, []string{"Basic eDp5"}, 401, "token_missing", `Bearer realm="tandem"`},
			"no token":       {nil, []string{"Bearer "}, 401, "token_malformed", ""},
			"two headers":    {[]string{token, session}, []string{"Bearer " + raw, "Bearer " + raw}, 401, "token_malformed", ""},
			"not live":       {nil, []string{"Bearer " + raw}, 401, "token_revoked", ""},
			"token alone":    {[]string{token}, []string{"Bearer " + raw}, 401, "token_revoked", ""},
			"session alone":  {[]string{session}, []string{"Bearer " + raw}, 401, "token_revoked", ""},
			"live":           {[]string{token, session}, []string{"Bearer " + raw}, 202, "", ""},
			"scheme in caps": {[]string{token, session}, []string{"BEARER " + raw}, 202, "", ""},
		} {
			client.Del(t.Context(), token, session)
			enliven(t, client, test.live...)
			got := call(t, app, path, test.authorization...)
			if got.status != test.status || test.code != "" && got.body != test.code {
				t.Errorf("%s %s: %d %q", path, name, got.status, got.body)
			}
			if got.header.Get("X-Before") != "kept" {
				t.Errorf("%s %s: what stood before the guard is gone", path, name)
			}
			if got.status == 202 {
				if got.body != "secret of u1" || got.header.Get("ETag") == "" {
					t.Errorf("%s %s: %+v", path, name, got)
				}
				continue
			}
			for _, leak := range []string{"ETag", "Location", "Cache-Status"} {
				if got.header.Get(leak) != "" {
					t.Errorf("%s %s: %s of the handler's answer is left", path, name, leak)
				}
			}
			challenge := got.header.Get("WWW-Authenticate")
			if test.realm != "" && challenge != test.realm || challenge == "" {
				t.Errorf("%s %s: challenge %q", path, name, challenge)
			}
		}
	}
	// A scope that lacks is told only to a live token.
	enliven(t, client, token, session)
	for _, path := range []string{"/admin", "/deferred-admin"} {
		got := call(t, app, path, "Bearer "+raw)
		if got.status != 403 || got.header.Get("WWW-Authenticate") != `Bearer realm="tandem", error="insufficient_scope", scope="admin"` {
			t.Errorf("%s: %d %q", path, got.status, got.header.Get("WWW-Authenticate"))
		}
	}
	if got := call(t, app, "/lost", "Bearer "+raw); got.body != "thing_not_found" {
		t.Errorf("a handler's own error: %+v", got)
	}
	if got := call(t, app, "/admitted", "Bearer "+raw); got.body != "admitted" {
		t.Errorf("admitted: %+v", got)
	}
	if got := call(t, app, "/forgotten", "Bearer "+raw); got.status != 401 {
		t.Errorf("a route without a guard: %+v", got)
	}
	client.Del(t.Context(), session)
	for _, path := range []string{"/admin", "/deferred-admin", "/lost", "/admitted"} {
		if got := call(t, app, path, "Bearer "+raw); got.status != 401 || got.body != "token_revoked" {
			t.Errorf("%s after the session ended: %+v", path, got)
		}
	}
	// Redis is gone: nothing is known, so nobody is let in or logged out.
	if err := w.stack.Kill("redis"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/required", "/deferred", "/lost", "/admitted", "/admin"} {
		got := call(t, app, path, "Bearer "+raw)
		if got.status != 503 || got.header.Get("ETag") != "" || got.header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s without Redis: %+v", path, got)
		}
	}
	// What needs no Redis is still refused as such.
	if got := call(t, app, "/required", "Bearer x.y.z"); got.status != 401 {
		t.Errorf("a forgery without Redis: %+v", got)
	}
}

// visitor is another issuer, whose tokens begin with its name.
type visitor struct {
	admit error
	asked int
}

func (v *visitor) Issued(raw string) bool { return raw == "visitor" }

func (v *visitor) Verify(context.Context, string) (bearer.Principal, error) {
	return bearer.Principal{Subject: "user_1", SessionID: "sess_1", Scopes: "resources:read", External: true}, nil
}

func (v *visitor) Admit(ctx context.Context, e *epoch.Epoch, p *bearer.Principal) error {
	v.asked++
	if v.admit == nil {
		e.Redis().Set(ctx, bearer.ClerkKey(p.SessionID), "1", time.Minute)
		e.Redis().Set(ctx, bearer.ClerkKey(p.Subject), "1", time.Minute)
	}
	return v.admit
}

func TestGuardAsksTheOtherIssuerOnFirstSight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.epoch(t, 1).Redis()
	for _, path := range []string{"/required", "/deferred"} {
		client.Del(t.Context(), bearer.ClerkKey("sess_1"))
		v := &visitor{admit: bearer.ErrRevoked}
		app := gate(w, v, secrets(t, secretA, ""))
		if got := call(t, app, path, "Bearer visitor"); got.status != 401 || got.header.Get("ETag") != "" {
			t.Errorf("%s: a session that is not admitted: %+v", path, got)
		}
		v.admit = bearer.ErrUnread
		if got := call(t, app, path, "Bearer visitor"); got.status != 503 {
			t.Errorf("%s: the issuer cannot be asked: %+v", path, got)
		}
		v.admit = nil
		for range 3 {
			if got := call(t, app, path, "Bearer visitor"); got.status != 202 {
				t.Errorf("%s: an admitted session: %+v", path, got)
			}
		}
		if v.asked != 3 {
			t.Errorf("%s: asked %d times", path, v.asked)
		}
		for n, id := range []string{"sess_1", "user_1"} { // either of them ends it
			client.Del(t.Context(), bearer.ClerkKey(id))
			if got := call(t, app, path, "Bearer visitor"); got.status != 202 || v.asked != 4+n {
				t.Errorf("%s, without %s: %+v, asked %d times", path, id, got, v.asked)
			}
		}
		own := fiber.New()
		own.Get("/", bearer.NewGuard(&bearer.Verifier{Keys: secrets(t, secretA, "")}, w.keeper, v).OwnOnly().Require())
		if got := call(t, own, "/", "Bearer visitor"); got.status == 200 {
			t.Error("OwnOnly let a visitor in")
		}
	}
}
