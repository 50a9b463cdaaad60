package resources

import (
	"fmt"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/fault"
	"tandem.example/pkg/httpserver"
)

// ErrInvalidParameter is a query parameter that is unknown, repeated or out of
// its range.
var ErrInvalidParameter = fault.New(fault.Invalid, "invalid_parameter", "a query parameter is not valid")

func (h handlers) list(c *fiber.Ctx) error {
	by, err := actor(c)
	if err != nil {
		return err
	}
	q, err := parseQuery(c, by.Tenant)
	if err != nil {
		return err
	}
	page, source, err := h.registry.List(c.UserContext(), q, asksFresh(c.Get(fiber.HeaderCacheControl)))
	if err != nil {
		return err
	}
	c.Set(headerCacheStatus, source.Status(cacheName))
	c.Set(fiber.HeaderCacheControl, private)
	c.Set(fiber.HeaderContentType, httpserver.JSON)
	return c.Send(page.Body)
}

func parseQuery(c *fiber.Ctx, tenant string) (Query, error) {
	q := Query{Tenant: tenant, Limit: DefaultLimit}
	bad := ErrInvalidParameter
	seen := make(map[string]string)
	c.Request().URI().QueryArgs().VisitAll(func(key, value []byte) {
		if _, twice := seen[string(key)]; twice {
			bad = bad.At(string(key), "is given twice")
		}
		seen[string(key)] = string(value)
	})
	for key, value := range seen {
		problem := ""
		switch key {
		case "type":
			q.Type, problem = parseType(value)
		case "limit":
			var err error
			if q.Limit, err = strconv.Atoi(value); err != nil || q.Limit < 1 || q.Limit > MaxLimit {
				problem = fmt.Sprintf("must be a number from 1 to %d", MaxLimit)
			}
		case "cursor":
		default:
			problem = "is not a parameter of this list"
		}
		if problem != "" {
			bad = bad.At(key, problem)
		}
	}
	if len(bad.Violations) > 0 {
		return Query{}, bad
	}
	if cursor, ok := seen["cursor"]; ok {
		return q.At(cursor)
	}
	return q, nil
}
