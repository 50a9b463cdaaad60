package audit

import (
	"errors"
	"slices"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/httpserver"
)

// Watch has every route tell of callers who are known and lack the scope.
func Watch(routes []httpserver.Route, batch *Batch) []httpserver.Route {
	routes = slices.Clone(routes)
	for i, r := range routes {
		routes[i].Handlers = append([]fiber.Handler{watch(batch, r.Method+" "+r.Path)}, r.Handlers...)
	}
	return routes
}

func watch(batch *Batch, route string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		err := c.Next()
		if !errors.Is(err, bearer.ErrScope) {
			return err
		}
		p, unknown := bearer.From(c.UserContext())
		if unknown != nil {
			return err
		}
		batch.Add(New(c.UserContext(), Event{
			Type: AccessRefused, Reason: bearer.ErrScope.Code, Actor: p.Subject, ClientID: p.ClientID, SessionID: p.SessionID,
			Tenant: p.Tenant, Detail: map[string]string{"route": route},
		}))
		return err
	}
}
