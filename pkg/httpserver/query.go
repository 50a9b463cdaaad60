package httpserver

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/fault"
)

// ErrParameter is a query parameter that is unknown, repeated or out of its
// range; it says which.
var ErrParameter = fault.New(fault.Invalid, "invalid_parameter", "a query parameter is not valid")

// Query reads the query, which may have each of the named parameters once and
// nothing else: a filter with a slip of the pen must not answer with everything.
// The result shares no memory with the request. It returns [ErrParameter].
func Query(c *fiber.Ctx, names ...string) (map[string]string, error) {
	given := map[string]string{}
	wrong := ErrParameter
	c.Request().URI().QueryArgs().VisitAll(func(key, value []byte) {
		name := string(key)
		if _, twice := given[name]; twice {
			wrong = wrong.At(name, "is given twice")
		} else if !slices.Contains(names, name) {
			wrong = wrong.At(name, "is not a parameter of this request")
		}
		given[name] = string(value)
	})
	if len(wrong.Violations) > 0 {
		return nil, wrong
	}
	return given, nil
}

// Limit reads how long a page of a list may be. It returns [ErrParameter].
func Limit(given map[string]string, standard, most int) (int, error) {
	text, ok := given["limit"]
	if !ok {
		return standard, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, ErrParameter.At("limit", fmt.Sprintf("must be a number from 1 to %d", most))
	}
	return n, nil
}
