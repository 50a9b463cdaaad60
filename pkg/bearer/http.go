package bearer

import (
	"errors"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/epoch"
)

// Require lets a request through once its token is known to be live and to have
// every scope.
func (g *Guard) Require(scopes ...string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if err := g.Check(c, scopes...); err != nil {
			return err
		}
		return c.Next()
	}
}

// Check is [Guard.Require] for a handler that knows which scopes are needed only
// when it is called. After it, [From] gives the caller, also of one who lacks a
// scope, for those who keep a record of that.
func (g *Guard) Check(c *fiber.Ctx, scopes ...string) error {
	a, err := g.admit(c.UserContext(), scopes, headers(c), c.Get(fiber.HeaderAuthorization))
	if err == nil || errors.Is(err, ErrScope) {
		c.SetUserContext(a)
	}
	if err != nil {
		return challenge(c, err, scopes)
	}
	return nil
}

// Deferred is [Guard.Require] for cached reads: the check is put on the
// request's trip (package epoch), so that it travels with the handler's own
// read, and is awaited after the handler. If the token turns out not to be
// live, nothing of the handler's answer is left. The handler must not do
// anything but read the cache before it has called [Admit]. It is for guards that
// ask Redis.
func (g *Guard) Deferred(scopes ...string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		a, err := g.begin(c.UserContext(), true, headers(c), c.Get(fiber.HeaderAuthorization))
		if err != nil {
			return challenge(c, err, scopes)
		}
		if lacking := a.covers(scopes); lacking != nil {
			if err := a.await(a); err != nil {
				return challenge(c, err, scopes)
			}
			return challenge(c, lacking, scopes)
		}
		before := remember(c)
		defer before.forget()
		c.SetUserContext(epoch.WithTrip(a, a.trip))
		answer := c.Next()
		if err := a.await(a); err != nil {
			before.restore(c)
			return challenge(c, err, scopes)
		}
		return answer
	}
}

// Fiber is [Guard.Require] for applications that do not write their errors with
// package httpserver: it answers refusals itself.
func (g *Guard) Fiber(scopes ...string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		a, err := g.admit(c.UserContext(), scopes, headers(c), c.Get(fiber.HeaderAuthorization))
		if err != nil {
			r := refusalOf(err, scopes)
			for name, value := range r.header {
				c.Set(name, value)
			}
			return c.Status(r.status).Send(r.body)
		}
		c.SetUserContext(a)
		return c.Next()
	}
}

// headers counts the Authorization headers; more than one is refused.
func headers(c *fiber.Ctx) int { return len(c.Request().Header.PeekAll(fiber.HeaderAuthorization)) }
