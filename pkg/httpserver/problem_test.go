package httpserver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/fault"
	"tandem.example/pkg/httpserver"
)

func TestProblemDocuments(t *testing.T) {
	t.Parallel()
	errGone := fault.New(fault.NotFound, "thing_not_found", "no such thing")
	failing := map[string]func(*fiber.Ctx) error{
		"fault": func(*fiber.Ctx) error {
			return fmt.Errorf("load: %w", errGone.Because(errors.New("hunter2")))
		},
		"violations": func(*fiber.Ctx) error {
			return fault.New(fault.Unprocessable, "broken_rule", "a rule is broken").At("/a/0", "must be even").At("limit", "must be small")
		},
		"unclassified": func(*fiber.Ctx) error { return errors.New("hunter2") },
		"panic":        func(*fiber.Ctx) error { panic("hunter2") },
		"deadline":     func(*fiber.Ctx) error { return fmt.Errorf("query: %w", context.DeadlineExceeded) },
		"unauthenticated": func(*fiber.Ctx) error {
			return fault.New(fault.Unauthenticated, "token_expired", "the token has expired")
		},
		"challenged": func(c *fiber.Ctx) error {
			c.Set(fiber.HeaderWWWAuthenticate, `Bearer error="invalid_token"`)
			return fault.New(fault.Unauthenticated, "token_expired", "the token has expired")
		},
		"unavailable": func(*fiber.Ctx) error {
			return fault.New(fault.Unavailable, "store_unavailable", "the store does not answer").After(2500 * time.Millisecond)
		},
		"unavailable_at_all": func(*fiber.Ctx) error {
			return fault.New(fault.Unavailable, "store_unavailable", "the store does not answer")
		},
		"replaced": func(c *fiber.Ctx) error { // the answer was ready when the token turned out to be revoked
			c.Set(fiber.HeaderETag, `"7"`)
			c.Set(fiber.HeaderLocation, "/secret")
			c.Set(fiber.HeaderContentType, "application/json")
			c.Set(fiber.HeaderCacheControl, "private, no-cache")
			_ = c.Status(http.StatusCreated).SendString(`{"hunter":2}`)
			return fault.New(fault.Unauthenticated, "token_revoked", "the token was revoked")
		},
	}
	s := start(t, func(o *httpserver.Options) {
		for name, h := range failing {
			o.Routes = append(o.Routes, handle("GET", "/"+name, h))
		}
	})
	for name := range failing {
		got := call(t, "GET", s.URL+"/"+name, "")
		golden(t, "problem_"+name, got)
		if strings.Contains(got.Body, "hunter2") {
			t.Errorf("%s: a cause is shown: %s", name, got.Body)
		}
	}
	if text := s.Log.String(); strings.Count(text, `"error":"internal: an unexpected condition was met: hunter2"`) != 1 {
		t.Errorf("the cause of an internal error is not in the log exactly once:\n%s", text)
	} else if !strings.Contains(text, "panic with a string") || strings.Contains(text, "panic: hunter2") {
		t.Errorf("a panic's value is shown, or its place is not:\n%s", text)
	}
}

func TestEveryKindHasItsStatus(t *testing.T) {
	t.Parallel()
	want := map[fault.Kind]int{
		fault.Internal: 500, fault.Invalid: 400, fault.Unauthenticated: 401, fault.Forbidden: 403, fault.NotFound: 404,
		fault.MethodNotAllowed: 405, fault.Conflict: 409, fault.PreconditionFailed: 412, fault.TooLarge: 413,
		fault.UnsupportedMediaType: 415, fault.Unprocessable: 422, fault.PreconditionRequired: 428,
		fault.TooManyRequests: 429, fault.HeadersTooLarge: 431, fault.Unavailable: 503, fault.Timeout: 504,
	}
	s := start(t, func(o *httpserver.Options) {
		for kind := range want {
			o.Routes = append(o.Routes, handle("GET", fmt.Sprintf("/%d", kind), func(*fiber.Ctx) error {
				return fault.New(kind, "code", "detail")
			}))
		}
	})
	for kind, status := range want {
		got := call(t, "GET", fmt.Sprintf("%s/%d", s.URL, kind), "")
		if got.StatusCode != status {
			t.Errorf("kind %d: %d, want %d", kind, got.StatusCode, status)
		}
		if retry := got.Header.Get("Retry-After") != ""; retry != (status == 429 || status == 503) {
			t.Errorf("kind %d: Retry-After %v", kind, retry)
		}
	}
}

func TestRouteEncodesItsOwnErrors(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *httpserver.Options) {
		route := handle("POST", "/token", func(*fiber.Ctx) error {
			return fault.New(fault.Invalid, "invalid_grant", "the grant is not valid")
		})
		route.Errors = func(c *fiber.Ctx, _ int, f *fault.Error) error {
			return c.JSON(fiber.Map{"error": f.Code})
		}
		o.Routes = []httpserver.Route{route}
	})
	got := call(t, "POST", s.URL+"/token", "")
	if got.StatusCode != 400 || got.Body != `{"error":"invalid_grant"}` || got.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %s %s", got.Status, got.Body)
	}
}

func TestAFailedAnswerKeepsNothingOfTheOneBefore(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *httpserver.Options) {
		route := handle("GET", "/", func(c *fiber.Ctx) error {
			_ = c.SendString("hunter2")
			return fault.New(fault.Unauthenticated, "token_revoked", "the token was revoked")
		})
		route.Errors = func(*fiber.Ctx, int, *fault.Error) error { return nil } // says nothing
		o.Routes = []httpserver.Route{route}
	})
	if got := call(t, "GET", s.URL+"/", ""); got.StatusCode != 401 || got.Body != "" {
		t.Errorf("got %s %q", got.Status, got.Body)
	}
}

// TestARefusalArrives sends a body that nobody reads, all of it before looking
// for an answer.
func TestARefusalArrives(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *httpserver.Options) { o.Routes = []httpserver.Route{handle("POST", "/", ok)} })
	conn := dial(t, s.Addr())
	const length = 6 << 20
	if _, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", length, strings.Repeat("x", length)); err != nil {
		t.Fatal(err)
	}
	if got := readRaw(t, conn); got.StatusCode != 413 {
		t.Errorf("got %s", got.Status)
	}
}

func TestWhatFiberRefusesIsAProblemToo(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *httpserver.Options) {
		o.Config.ReadTimeout = 300 * time.Millisecond
		o.Routes = []httpserver.Route{handle("GET", "/things/:id", ok), handle("PUT", "/things/:id", ok), handle("POST", "/things", ok)}
	})
	golden(t, "refused_404", call(t, "GET", s.URL+"/nothing?token=hunter2", ""))
	golden(t, "refused_404_slash", call(t, "POST", s.URL+"/things/", ""))
	golden(t, "refused_405", call(t, "DELETE", s.URL+"/things/7", ""))
	golden(t, "refused_405_options", call(t, "OPTIONS", s.URL+"/things/7", ""))
	golden(t, "refused_405_unknown", call(t, "BREW", s.URL+"/things/7", ""))
	golden(t, "refused_413", call(t, "POST", s.URL+"/things", strings.Repeat("x", 4097)))
	golden(t, "refused_413_long", call(t, "POST", s.URL+"/things", strings.Repeat("x", 6<<20)))
	golden(t, "refused_431", call(t, "GET", s.URL+"/things/7", "", "Authorization", strings.Repeat("x", 17<<10)))
	if got := call(t, "GET", s.URL+"/things/7", "", "Authorization", strings.Repeat("x", 14<<10)); got.StatusCode != 200 {
		t.Errorf("a large token is refused: %s", got.Status)
	}
	for name, text := range map[string]string{
		"refused_400": "GARBAGE\r\n\r\n",
		"refused_408": "GET /things/7 HTTP/1.1\r\nHost: x\r\n", // and nothing more
	} {
		conn := dial(t, s.Addr())
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		golden(t, name, readRaw(t, conn))
	}
	// Each of them has its line in the log, under its own status.
	for _, line := range s.Log.requests(t) {
		if line["route"] == "unmatched" && (line["code"] == nil || line["request_id"] == nil || line["client"] == nil) {
			t.Errorf("a line lacks something: %v", line)
		}
	}
	if strings.Contains(s.Log.String(), "hunter2") {
		t.Error("a query is in the log")
	}
}
