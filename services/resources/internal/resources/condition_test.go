package resources

import (
	"errors"
	"slices"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

func TestEveryLineOfIfMatchCounts(t *testing.T) {
	t.Parallel()
	app := fiber.New()
	for name, test := range map[string]struct {
		lines []string
		match Match
		bad   bool
	}{
		"none":       {nil, nil, false},
		"empty":      {[]string{""}, nil, true},
		"two":        {[]string{`"1"`, `"2", "3"`}, Match{1, 2, 3}, false},
		"any":        {[]string{"*"}, nil, false},
		"any and so": {[]string{"*", `"1"`}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := app.AcquireCtx(&fasthttp.RequestCtx{})
			defer app.ReleaseCtx(c)
			for _, line := range test.lines {
				c.Request().Header.Add(fiber.HeaderIfMatch, line)
			}
			match, err := condition(c)
			if errors.Is(err, ErrInvalidMatch) != test.bad || !slices.Equal(match, test.match) || (match == nil) != (test.match == nil) {
				t.Errorf("%v, %v", match, err)
			}
		})
	}
}
