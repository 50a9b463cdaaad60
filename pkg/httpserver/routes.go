package httpserver

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// errDuplicateRoute is a mistake in the program: the second route would never
// be reached.
var errDuplicateRoute = errors.New("two routes have one method and path")

// unmatched is what logs and metrics call the route of a request that has none.
const unmatched = "unmatched"

// mount registers the routes, whatever order they come in, and after them what
// answers the rest.
func (s *Server) mount(routes []Route) error {
	routes = slices.Clone(routes)
	s.encoders = map[string]Encoder{}
	slices.SortFunc(routes, func(a, b Route) int {
		return cmp.Or(comparePaths(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	for i, route := range routes {
		if i > 0 && routes[i-1].Method == route.Method && routes[i-1].Path == route.Path {
			return fmt.Errorf("%w: %s %s", errDuplicateRoute, route.Method, route.Path)
		}
		methods := []string{route.Method}
		if route.Method == fiber.MethodGet {
			methods = append(methods, fiber.MethodHead)
		}
		e := s.endpoint(route.Path, route.Errors, methods...)
		e.noPages = route.NoPages
		if route.Errors != nil {
			s.encoders[route.Path] = route.Errors
		}
		chain := s.chain(e, route.Handlers)
		for _, method := range methods {
			s.app.Add(method, route.Path, chain...)
		}
	}
	s.rest = s.endpoint(unmatched, nil, "other", fiber.MethodGet, fiber.MethodHead, fiber.MethodPost,
		fiber.MethodPut, fiber.MethodPatch, fiber.MethodDelete, fiber.MethodOptions)
	chain := make([]any, 0, 8)
	for _, step := range s.chain(s.rest, nil) {
		chain = append(chain, step)
	}
	s.app.Use(chain...) // Fiber then says 404, or 405 and what is allowed
	return nil
}

func (s *Server) endpoint(route string, encode Encoder, methods ...string) *endpoint {
	e := &endpoint{route: route, encode: encode, seconds: make(map[string]*durations, len(methods))}
	for _, method := range methods {
		e.seconds[method] = &durations{vec: s.seconds, method: method, route: route}
	}
	return e
}

// comparePaths orders templates so that at each segment a fixed text is tried
// before a parameter: Fiber takes the first match.
func comparePaths(a, b string) int {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	for i := range min(len(as), len(bs)) {
		if order := cmp.Or(
			cmp.Compare(looseness(as[i]), looseness(bs[i])), strings.Compare(as[i], bs[i]),
		); order != 0 {
			return order
		}
	}
	return cmp.Compare(len(as), len(bs))
}

func looseness(segment string) int {
	switch {
	case strings.ContainsAny(segment, "*+"):
		return 2
	case strings.Contains(segment, ":"):
		return 1
	default:
		return 0
	}
}
