package httpserver

import (
	"errors"
	"maps"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"tandem.example/pkg/fault"
)

func TestQuery(t *testing.T) {
	t.Parallel()
	app := fiber.New()
	for query, test := range map[string]struct {
		want  map[string]string
		wrong string
	}{
		"":                    {map[string]string{}, ""},
		"limit=5&cursor=a%20": {map[string]string{"limit": "5", "cursor": "a "}, ""},
		"limit=":              {map[string]string{"limit": ""}, ""},
		"limit=1&limit=1":     {nil, "limit"},
		"Limit=1":             {nil, "Limit"},
		"offset=1":            {nil, "offset"},
	} {
		ctx := &fasthttp.RequestCtx{}
		ctx.Request.SetRequestURI("/x?" + query)
		c := app.AcquireCtx(ctx)
		got, err := Query(c, "limit", "cursor")
		app.ReleaseCtx(c)
		if !maps.Equal(got, test.want) || placeOf(err) != test.wrong {
			t.Errorf("%q: %v, %v", query, got, err)
		}
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"1": 1, "100": 100, "0": 0, "101": 0, "": 0, "x": 0, "-1": 0, "1.5": 0} {
		got, err := Limit(map[string]string{"limit": text}, 50, 100)
		if got != want || (want == 0) != (placeOf(err) == "limit") {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	if got, err := Limit(nil, 50, 100); got != 50 || err != nil {
		t.Errorf("none: %d, %v", got, err)
	}
}

// placeOf is where the one mistake is.
func placeOf(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) || !errors.Is(err, ErrParameter) || len(f.Violations) != 1 {
		return ""
	}
	return f.Violations[0].Pointer
}
