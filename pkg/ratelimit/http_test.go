package ratelimit

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/fault"
)

func TestAnswersTellWhereTheLimitStands(t *testing.T) {
	t.Parallel()
	l := newWorld(t, devstack.Options{}).limiter(t)
	requests, failures := limit(t, 3), limit(t, 1)
	requests.Name, failures.Name = requests.Name+"-requests", failures.Name+"-failures"
	served := 0
	times := regexp.MustCompile(`;t=(28[78]|57[56]|86[34])[0-9]{2}`) // a third, two, all of a day, if the test is slow
	app := fiber.New(fiber.Config{ErrorHandler: func(c *fiber.Ctx, err error) error {
		return c.Status(map[fault.Kind]int{fault.TooManyRequests: 429}[fault.KindOf(err)]).SendString(fault.From(err).Code)
	}})
	app.Post("/", l.PerAddress(requests), func(c *fiber.Ctx) error {
		served++
		_, err := l.Take(c.UserContext(), failures.Of("anna"))
		return err
	})
	for i, want := range []struct {
		status        int
		policy, limit string
	}{
		{200, `"requests";q=3;w=86400`, `"requests";r=2;t=T`},
		{429, `"requests";q=3;w=86400, "failures";q=1;w=86400`, `"requests";r=1;t=T, "failures";r=0;t=T`},
		{429, `"requests";q=3;w=86400, "failures";q=1;w=86400`, `"requests";r=0;t=T, "failures";r=0;t=T`},
		{429, `"requests";q=3;w=86400`, `"requests";r=0;t=T`},
	} {
		got, err := app.Test(httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil), 120_000)
		if err != nil {
			t.Fatal(err)
		}
		_ = got.Body.Close()
		field := func(name string) string {
			return times.ReplaceAllString(strings.ReplaceAll(got.Header.Get(name), t.Name()+"-", ""), ";t=T")
		}
		if got.StatusCode != want.status || field("RateLimit-Policy") != want.policy || field("RateLimit") != want.limit {
			t.Errorf("%d: %d %q %q", i, got.StatusCode, field("RateLimit-Policy"), field("RateLimit"))
		}
	}
	if served != 3 {
		t.Errorf("the handler was reached %d times", served)
	}
}
