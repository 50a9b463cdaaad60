package audit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/fault"
	"tandem.example/pkg/httpserver"
)

// ErrParameter is a query parameter that is unknown, repeated or malformed.
var ErrParameter = fault.New(fault.Invalid, "invalid_parameter", "a query parameter is not valid")

const admin = "admin" // the scope

type handlers struct{ log *Log }

// Routes are the capability's HTTP face.
func Routes(log *Log, guard *bearer.Guard) []httpserver.Route {
	h := handlers{log}
	return []httpserver.Route{
		{Method: fiber.MethodGet, Path: "/v1/audit", Handlers: []fiber.Handler{guard.OwnOnly().Require(admin), h.page}},
	}
}

// page shows a page only after it is in the log itself that it was shown, and to
// whom.
func (h handlers) page(c *fiber.Ctx) error {
	ctx := c.UserContext()
	p, err := bearer.From(ctx)
	if err != nil {
		return err
	}
	q, names, err := parseQuery(c)
	if err != nil {
		return err
	}
	page, err := h.log.Page(ctx, q)
	if err != nil {
		return err
	}
	read := New(ctx, Event{
		Type: Read, Actor: p.Subject, ClientID: p.ClientID, SessionID: p.SessionID, Tenant: p.Tenant, Subject: q.Subject,
		Detail: map[string]string{"filters": names, "count": strconv.Itoa(len(page.Items))},
	})
	if err := h.log.Record(ctx, read); err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return httpserver.Send(c, fiber.StatusOK, page)
}

// parseQuery also returns the names of the parameters that were used.
func parseQuery(c *fiber.Ctx) (q Query, names string, err error) {
	q.Limit = DefaultLimit
	bad := ErrParameter
	seen := map[string]string{}
	c.Request().URI().QueryArgs().VisitAll(func(key, value []byte) {
		if _, twice := seen[string(key)]; twice {
			bad = bad.At(string(key), "is given twice")
		}
		seen[string(key)] = string(value)
	})
	var used []string
	for key, value := range seen {
		if problem := set(&q, key, value); problem != "" {
			bad = bad.At(key, problem)
		}
		used = append(used, key)
	}
	if len(bad.Violations) > 0 {
		return Query{}, "", bad
	}
	slices.Sort(used)
	names = strings.Join(used, ",")
	if cursor, ok := seen["cursor"]; ok {
		q, err = q.At(strings.Clone(cursor))
	}
	return q, names, err
}

// set takes one parameter and tells what is wrong with it, if anything.
func set(q *Query, key, value string) (problem string) {
	switch key {
	case "type":
		if q.Type = Type(value); !slices.Contains(types(), q.Type) {
			return "is not a type of event"
		}
	case "outcome":
		if q.Outcome = value; value != Success && value != Failure {
			return "must be success or failure"
		}
	case "actor":
		return setID(&q.Actor, value)
	case "subject":
		return setID(&q.Subject, value)
	case "client_id":
		return setID(&q.ClientID, value)
	case "since":
		return setTime(&q.Since, value)
	case "until":
		return setTime(&q.Until, value)
	case "limit":
		n, err := strconv.Atoi(value)
		if q.Limit = n; err != nil || n < 1 || n > MaxLimit {
			return fmt.Sprintf("must be a number from 1 to %d", MaxLimit)
		}
	case "cursor":
	default:
		return "is not a parameter of this list"
	}
	return ""
}

func setID(to *string, value string) string {
	if !isID(value) {
		return "is not an id"
	}
	*to = value
	return ""
}

func setTime(to *time.Time, value string) string {
	t, err := time.Parse(time.RFC3339, value)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return "must be a time as RFC 3339 says, such as 2026-11-20T19:32:13Z"
	}
	*to = t
	return ""
}
