package bearer_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/bearer"
)

// auth is what the examples need of the auth service: its key set, and a token
// for somebody.
func auth() (keySetURL, token string, client *http.Client, end func()) {
	_, private, _ := ed25519.GenerateKey(nil)
	key := bearer.NewPrivateKey(private)
	body, _ := bearer.KeySet{key}.JWKS()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
	claims := validClaims(time.Now())
	claims.Subject, claims.Scopes = "ada", "orders:read"
	token, _ = key.Sign(claims)
	return server.URL, token, server.Client(), server.Close
}

// A service on net/http that holds no secret: it knows who calls and what they
// may, but not what was revoked within the life of an access token.
func ExampleGuard_Middleware() {
	url, token, client, end := auth()
	defer end()

	keys, err := bearer.NewRemote(url, client) // https://auth.example/.well-known/jwks.json
	if err != nil {
		panic(err)
	}
	guard := bearer.NewOfflineGuard(&bearer.Verifier{Keys: keys, Issuer: issuer, Audience: audience})
	mux := http.NewServeMux()
	mux.Handle("GET /orders", guard.Middleware("orders:read")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := bearer.From(r.Context())
		_, _ = io.WriteString(w, "orders of "+caller.Subject)
	})))

	for _, authorization := range []string{"Bearer " + token, "Bearer x.y.z", ""} {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/orders", nil)
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// 200 orders of ada
	// 401 {"type":"about:blank","title":"Unauthorized","status":401,"detail":"the bearer token is malformed","code":"token_malformed"}
	// 401 {"type":"about:blank","title":"Unauthorized","status":401,"detail":"a bearer token is required","code":"token_missing"}
}

// The same on Fiber. In place of NewOfflineGuard, NewGuard asks Redis and
// NewAskingGuard asks auth whether the token is still live.
func ExampleGuard_Fiber() {
	url, token, client, end := auth()
	defer end()

	keys, err := bearer.NewRemote(url, client) // https://auth.example/.well-known/jwks.json
	if err != nil {
		panic(err)
	}
	guard := bearer.NewOfflineGuard(&bearer.Verifier{Keys: keys, Issuer: issuer, Audience: audience})
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/orders", guard.Fiber("orders:read"), func(c *fiber.Ctx) error {
		caller, err := bearer.From(c.UserContext())
		if err != nil {
			return err
		}
		return c.SendString("orders of " + caller.Subject)
	})

	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/orders", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	got, err := app.Test(r)
	if err != nil {
		panic(err)
	}
	body, _ := io.ReadAll(got.Body)
	_ = got.Body.Close()
	fmt.Println(got.StatusCode, string(body))
	// Output: 200 orders of ada
}
