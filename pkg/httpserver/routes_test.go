package httpserver_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/httpserver"
)

func TestRoutesComeInAnyOrder(t *testing.T) {
	t.Parallel()
	paths := []string{"/a/:id", "/a/list", "/a/:id/b", "/a/list/:n", "/:any", "/a", "/*", "/a/list/b"}
	for range 20 {
		s := start(t, func(o *httpserver.Options) {
			for _, path := range paths {
				o.Routes = append(o.Routes, handle("GET", path, func(c *fiber.Ctx) error { return c.SendString(path) }))
			}
			rand.Shuffle(len(o.Routes), func(i, j int) { o.Routes[i], o.Routes[j] = o.Routes[j], o.Routes[i] })
		})
		for path, want := range map[string]string{
			"/a": "/a", "/x": "/:any", "/a/7": "/a/:id", "/a/list": "/a/list", "/a/7/b": "/a/:id/b",
			"/a/list/7": "/a/list/:n", "/a/list/b": "/a/list/b", "/x/y/z": "/*",
		} {
			if got := call(t, "GET", s.URL+path, "").Body; got != want {
				t.Errorf("%s: served by %s, want %s", path, got, want)
			}
		}
		if t.Failed() {
			return
		}
	}
}

func TestTwoRoutesOfOneNameAreRefused(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Routes = []httpserver.Route{handle("GET", "/a", ok), handle("POST", "/a", ok), handle("GET", "/a", ok)}
	if _, err := httpserver.New(o); err == nil || !strings.Contains(err.Error(), "GET /a") {
		t.Fatalf("got %v", err)
	}
}

func TestDocument(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *httpserver.Options) {
		o.Routes = []httpserver.Route{httpserver.Document("/openapi.json", "application/json", []byte(`{"openapi":"3.1.0"}`))}
	})
	got := call(t, "GET", s.URL+"/openapi.json", "")
	if got.Body != `{"openapi":"3.1.0"}` || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %s %s", got.Status, got.Body)
	}
	again := call(t, "GET", s.URL+"/openapi.json", "", "If-None-Match", got.Header.Get("Etag"))
	if again.StatusCode != 304 || again.Body != "" || again.Header.Get("Etag") == "" {
		t.Errorf("got %s %q", again.Status, again.Body)
	}
	if head := call(t, "HEAD", s.URL+"/openapi.json", ""); head.StatusCode != 200 || head.Body != "" || head.ContentLength != 19 {
		t.Errorf("got %s, %d bytes", head.Status, head.ContentLength)
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *httpserver.Options) {
		o.Config.CORSAllowOrigins = []string{"https://app.example.org", "https://other.example.org"}
		o.Routes = []httpserver.Route{handle("PUT", "/things/:id", ok)}
	})
	preflight := []string{"Access-Control-Request-Method", "PUT", "Origin", "https://app.example.org"}
	got := call(t, "OPTIONS", s.URL+"/things/7", "", preflight...)
	if got.StatusCode != 204 || got.Header.Get("Access-Control-Allow-Origin") != "https://app.example.org" ||
		!strings.Contains(got.Header.Get("Access-Control-Allow-Methods"), "PUT") ||
		!strings.Contains(got.Header.Get("Access-Control-Allow-Headers"), "If-Match") {
		t.Errorf("preflight: %s %v", got.Status, got.Header)
	}
	for _, path := range []string{"/things/7", "/nothing"} { // errors are readable too
		got = call(t, "PUT", s.URL+path, "", "Origin", "https://other.example.org")
		if got.Header.Get("Access-Control-Allow-Origin") != "https://other.example.org" || got.Header.Get("Vary") != "Origin" ||
			!strings.Contains(got.Header.Get("Access-Control-Expose-Headers"), "ETag, Idempotent-Replayed") ||
			!strings.Contains(got.Header.Get("Access-Control-Expose-Headers"), "RateLimit, RateLimit-Policy, Retry-After") || got.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %v", path, got.Header)
		}
	}
	for _, origin := range []string{"https://evil.example.org", "http://app.example.org", "https://app.example.org.evil.org", "null"} {
		preflight[3] = origin
		got = call(t, "OPTIONS", s.URL+"/things/7", "", preflight...)
		if got.StatusCode != 405 || got.Header.Get("Access-Control-Allow-Origin") != "" || got.Header.Get("Vary") != "Origin" {
			t.Errorf("%s: %s %v", origin, got.Status, got.Header)
		}
	}
	without := start(t, func(o *httpserver.Options) { o.Routes = []httpserver.Route{handle("PUT", "/things/:id", ok)} })
	if got := call(t, "PUT", without.URL+"/things/7", "", "Origin", "https://app.example.org"); got.Header.Get("Vary") != "" || got.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("switched off: %v", got.Header)
	}
}
