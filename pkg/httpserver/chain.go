package httpserver

import (
	"fmt"
	"runtime/debug"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/fault"
)

// endpoint is a route as this server runs it. The one without a template is for
// requests that match no route.
type endpoint struct {
	route   string // template
	encode  Encoder
	noPages bool
	seconds map[string]*durations // by method; never written after New
}

// chain is everything that happens to a request, in this order. A step that
// would do nothing in this configuration is not in it.
func (s *Server) chain(e *endpoint, handlers []fiber.Handler) []fiber.Handler {
	steps := []fiber.Handler{s.observe(e)} // id, deadline, log line, metric
	if s.tracer != nil {
		steps = append(steps, s.trace(e))
	}
	steps = append(steps, s.answerErrors(e)) // what follows may fail or panic
	if s.behindProxy {
		steps = append(steps, s.refusePlain)
	}
	if s.cors != nil && !e.noPages {
		steps = append(steps, s.cors.handle)
	}
	return append(steps, handlers...)
}

// observe begins the request and, when it has been answered, tells about it.
func (s *Server) observe(e *endpoint) fiber.Handler {
	return func(c *fiber.Ctx) error {
		r := s.begin(c, e)
		s.inFlight.Inc()
		defer s.inFlight.Dec()
		err := c.Next() // answerErrors leaves none
		s.finish(c, r)
		return err
	}
}

// answerErrors turns the error of the steps after it into the answer.
func (s *Server) answerErrors(e *endpoint) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if err := protect(c); err != nil {
			encode := e.encode
			if encode == nil {
				encode = s.encoders[c.Path()] // of the path's other methods
			}
			return answer(c, requestOf(c.UserContext()), encode, err)
		}
		return nil
	}
}

// errPanic is Internal: what went wrong is for the log alone.
var errPanic = fault.New(fault.Internal, "internal", "an unexpected condition was met")

// protect makes an error of a panic. The value of a panic may be anything, a
// request's data too, so it is logged only if it is an error.
func protect(c *fiber.Ctx) (err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case error:
			err = errPanic.Because(fmt.Errorf("panic: %w\n%s", v, debug.Stack()))
		default:
			err = errPanic.Because(fmt.Errorf("panic with a %T\n%s", v, debug.Stack()))
		}
	}()
	return c.Next()
}
