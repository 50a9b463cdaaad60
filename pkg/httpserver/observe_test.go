package httpserver_test

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"tandem.example/pkg/fault"
	"tandem.example/pkg/httpserver"
	"tandem.example/pkg/telemetry"
)

func networks(t *testing.T, text string) httpserver.Networks {
	t.Helper()
	var n httpserver.Networks
	if err := n.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestLogLineSaysWhatHappenedAndNotToWhom(t *testing.T) {
	t.Parallel()
	var inside string
	s := start(t, func(o *httpserver.Options) {
		o.Config.TrustedProxies = networks(t, "127.0.0.1")
		o.Routes = []httpserver.Route{
			handle("GET", "/people/:email", func(c *fiber.Ctx) error {
				inside = telemetry.RequestID(c.UserContext())
				why := fault.New(fault.Internal, "name_taken", "ann has it").Because(errors.New("ann@example.org"))
				return fault.New(fault.Invalid, "wrong_name", "that is not a name").Because(why)
			}),
		}
	})
	const id = "01234567-89ab-7def-8123-456789abcdef"
	got := call(t, "GET", s.URL+"/people/ann@example.org?email=ann@example.org", "",
		"X-Forwarded-Proto", "https", "X-Forwarded-For", "203.0.113.9", "X-Request-Id", id,
		"User-Agent", "ann@example.org", "Authorization", "Bearer hunter2", "Referer", "https://x/ann@example.org")
	if got.Header.Get("X-Request-Id") != id || inside != id {
		t.Errorf("the gateway's request id is lost: %q, %q", got.Header.Get("X-Request-Id"), inside)
	}
	text := s.Log.String()
	for _, personal := range []string{"ann", "203.0.113.9", "hunter2"} {
		if strings.Contains(text, personal) {
			t.Errorf("%s is in the log:\n%s", personal, text)
		}
	}
	if strings.Contains(got.Body, "name_taken") {
		t.Errorf("the client is told: %s", got.Body)
	}
	list := s.Log.requests(t)
	if len(list) != 1 {
		t.Fatalf("%d lines for one request", len(list))
	}
	line := list[0]
	if took, _ := line["duration"].(float64); took <= 0 || took > 5 {
		t.Errorf("duration %v is not in seconds", line["duration"])
	}
	for field, want := range map[string]any{
		"level": "info", "method": "GET", "route": "/people/:email", "status": 400.0, "code": "wrong_name", "reason": "name_taken",
		"request_id": id, "client": "203.0.113.0", "service": "test",
	} {
		if line[field] != want {
			t.Errorf("%s is %v, want %v", field, line[field], want)
		}
	}
}

func TestAStrangersRequestIDIsNotTaken(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *httpserver.Options) { o.Routes = []httpserver.Route{handle("GET", "/", ok)} })
	const id = "01234567-89ab-7def-8123-456789abcdef"
	if got := call(t, "GET", s.URL+"/", "", "X-Request-Id", id).Header.Get("X-Request-Id"); got == id || !idPattern.MatchString(got) {
		t.Errorf("got %q", got)
	}
}

func TestBehindAProxyOnly(t *testing.T) {
	t.Parallel()
	var client netip.Addr
	s := start(t, func(o *httpserver.Options) {
		o.Config.TrustedProxies = networks(t, "127.0.0.1")
		o.Routes = []httpserver.Route{handle("GET", "/", func(c *fiber.Ctx) error {
			client = httpserver.ClientAddr(c)
			return nil
		})}
	})
	for name, test := range map[string]struct {
		header []string
		status int
	}{
		"https":              {[]string{"X-Forwarded-Proto", "https"}, 200},
		"HTTPS":              {[]string{"X-Forwarded-Proto", "HTTPS"}, 200},
		"no word":            {nil, 403},
		"http":               {[]string{"X-Forwarded-Proto", "http"}, 403},
		"written by client":  {[]string{"X-Forwarded-Proto", "https, http"}, 403},
		"in an earlier one":  {[]string{"X-Forwarded-Proto", "https", "X-Forwarded-Proto", "http"}, 403},
		"two proxies, https": {[]string{"X-Forwarded-Proto", "http, https"}, 200},
	} {
		if got := call(t, "GET", s.URL+"/", "", test.header...); got.StatusCode != test.status {
			t.Errorf("%s: %s", name, got.Status)
		}
	}
	if got := call(t, "GET", s.URL+"/nothing", "").StatusCode; got != 403 {
		t.Errorf("an unknown path in the clear: %d", got)
	}
	call(t, "GET", s.URL+"/", "", "X-Forwarded-Proto", "https", "X-Forwarded-For", "6.6.6.6, 203.0.113.9")
	if client.String() != "203.0.113.9" {
		t.Errorf("the client is %s", client)
	}

	stranger := start(t, func(o *httpserver.Options) {
		o.Config.TrustedProxies = networks(t, "10.0.0.0/8")
		o.Routes = []httpserver.Route{handle("GET", "/", ok)}
	})
	if got := call(t, "GET", stranger.URL+"/", "", "X-Forwarded-Proto", "https"); got.StatusCode != http.StatusForbidden || strings.Contains(got.Body, "ok") {
		t.Errorf("a stranger who says https: %s", got.Status)
	}
}

func TestHandlersHaveADeadline(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *httpserver.Options) {
		o.Config.RequestTimeout = 20 * time.Millisecond
		o.Routes = []httpserver.Route{handle("GET", "/slow", func(c *fiber.Ctx) error {
			<-c.UserContext().Done()
			return c.UserContext().Err()
		})}
	})
	if got := call(t, "GET", s.URL+"/slow", ""); got.StatusCode != http.StatusGatewayTimeout || !strings.Contains(got.Body, `"deadline_exceeded"`) {
		t.Errorf("got %s %s", got.Status, got.Body)
	}
}

func TestAnAnsweredRequestHasEnded(t *testing.T) {
	t.Parallel()
	kept := make(chan context.Context, 1)
	s := start(t, func(o *httpserver.Options) {
		o.Routes = []httpserver.Route{handle("GET", "/", func(c *fiber.Ctx) error {
			kept <- c.UserContext()
			return nil
		})}
	})
	call(t, "GET", s.URL+"/", "")
	ctx := <-kept
	<-ctx.Done()
	if !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("got %v", ctx.Err())
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *httpserver.Options) {
		o.Routes = []httpserver.Route{
			handle("GET", "/things/:id", ok),
			handle("POST", "/things", func(*fiber.Ctx) error { return errors.New("broken") }),
		}
	})
	for _, path := range []string{"/things/1", "/things/2", "/things/3?x=4"} {
		call(t, "GET", s.URL+path, "")
	}
	call(t, "HEAD", s.URL+"/things/1", "")
	call(t, "POST", s.URL+"/things", "")
	call(t, "GET", s.URL+"/.env", "")
	call(t, "GET", s.URL+"/admin.php", "")
	call(t, "DELETE", s.URL+"/things/1", "")
	call(t, "BREW", s.URL+"/things/1", "")
	call(t, "POST", s.URL+"/things", strings.Repeat("x", 5000))
	compare(t, "metrics", exposition(t, s.Reg))
}

// exposition is what a scrape sees, less the times.
func exposition(t *testing.T, g prometheus.Gatherer) string {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&out, family); err != nil {
			t.Fatal(err)
		}
	}
	kept := ""
	timed := regexp.MustCompile(`_bucket\{.*[^+]Inf|_bucket\{.*le="[0-9]|_sum`)
	for line := range strings.Lines(out.String()) {
		if !timed.MatchString(line) {
			kept += line
		}
	}
	return kept
}
