package gateway

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/httpserver"
)

// Routes are the capability's HTTP face. Some gateways ask with the method of the
// request that they ask about.
func Routes(guard *bearer.Guard) []httpserver.Route {
	methods := []string{
		fiber.MethodGet, fiber.MethodPost, fiber.MethodPut, fiber.MethodPatch, fiber.MethodDelete, fiber.MethodOptions,
	}
	routes := make([]httpserver.Route, 0, len(methods))
	for _, method := range methods {
		routes = append(routes, httpserver.Route{
			Method: method, Path: "/verify", Handlers: []fiber.Handler{verify(guard)}, NoPages: true,
		})
	}
	return routes
}

func verify(guard *bearer.Guard) fiber.Handler {
	return func(c *fiber.Ctx) error {
		scopes, err := wanted(c)
		if err != nil {
			return err
		}
		if err := guard.Check(c, scopes...); err != nil {
			return err
		}
		caller, err := bearer.From(c.UserContext())
		if err != nil {
			return err
		}
		fields, err := describe(caller)
		if err != nil {
			return err
		}
		for _, f := range fields {
			c.Set(f.name, f.value)
		}
		c.Set(fiber.HeaderCacheControl, "no-store")
		return nil
	}
}

// wanted are the scopes of the query, from however many parameters: where the
// original request's query follows the gateway's, its sender can only make the
// question stricter.
func wanted(c *fiber.Ctx) ([]string, error) {
	var scopes []string
	for _, value := range c.Request().URI().QueryArgs().PeekMulti("scope") {
		for name := range strings.SplitSeq(string(value), " ") {
			if !bearer.ScopeName(name) {
				return nil, httpserver.ErrParameter.At("scope", "must be scope names with single spaces between them")
			}
			scopes = append(scopes, name)
		}
	}
	return scopes, nil
}
