package gateway_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// kept are the routes that a gateway does not pass on: it asks for the one itself, and
// both services have the other.
func kept(path string) bool { return path == "/verify" || path == "/openapi.json" }

// Every route of both services answers through the gateway as it does directly, except
// those that are kept.
func TestRoutes(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			g := run(t, kind, behind{})
			for service, variable := range map[string]string{"auth": "AUTH_URL", "resources": "RESOURCES_URL"} {
				golden := filepath.Join("..", "..", "..", "..", "services", service, "internal", "app", "testdata", "routes.golden")
				text, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				direct := g.direct(t, variable, "")
				for line := range strings.Lines(string(text)) {
					words := strings.Fields(line)
					method, path := words[0], strings.ReplaceAll(words[1], ":id", "01234567-89ab-7def-8123-456789abcdef")
					want, got := direct.ask(t, method, path, ""), g.ask(t, method, path, "")
					if kept(path) {
						want = reply{status: 404, body: `{"code":"route_not_found"}`}
					}
					if got.status != want.status || got.failure() != want.failure() || got.header.Get("X-Request-Id") == "" {
						t.Errorf("%s %s: %d %q, directly %d %q", method, path, got.status, got.failure(), want.status, want.failure())
					}
				}
			}
		})
	}
}

// Nothing else is reached, however it is written.
func TestOtherPaths(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			g := run(t, kind, behind{})
			for _, path := range []string{
				"/", "/verify", "/verify/", "/VERIFY", "//verify", "/%76erify", "/./verify", "/verify?scope=admin", "/verify%2f",
				"/token/../verify", "/v1/users/%2e%2e/%2e%2e/verify", "/v1/users/..%2f..%2fverify", "/v1/users/../../verify", "/v1/resources/../../verify",
				"/v1/users/%2e%2e%2f%2e%2e%2fverify", "/v1/users/x/../../../verify", "/v1/users//../../verify", "/v1/users/.%2e/.%2e/verify",
				"/livez", "/readyz", "/metrics", "/debug/pprof/", "/openapi.json", "/v1", "/v1/", "/v2/users", "/tokens", "/v1/resourcesx", "/v1/usersx", "/.env",
			} {
				got := g.raw(t, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
				if got.status != 404 && got.status != 400 {
					t.Errorf("%s: %d %s", path, got.status, got.body)
				}
				if got.status == 404 && got.text("code") != "route_not_found" {
					t.Errorf("%s: %s", path, got.body)
				}
			}
			if got := g.raw(t, "GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n"); got.status != 404 || got.text("code") != "route_not_found" {
				t.Errorf("another host: %d %s", got.status, got.body)
			}
		})
	}
}
