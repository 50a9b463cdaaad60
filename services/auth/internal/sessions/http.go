package sessions

import (
	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/httpserver"
)

type handlers struct{ store *Store }

// Routes are the capability's HTTP face. They are for our own sessions: Clerk's
// end at Clerk.
func Routes(store *Store, guard *bearer.Guard) []httpserver.Route {
	h := handlers{store}
	return []httpserver.Route{
		{Method: fiber.MethodPost, Path: "/logout", Handlers: []fiber.Handler{guard.OwnOnly().Require(), h.logout}},
	}
}

type revoked struct {
	Count int64 `json:"revoked"`
}

func (h handlers) logout(c *fiber.Ctx) error {
	p, err := bearer.From(c.UserContext())
	if err != nil {
		return err
	}
	n, err := h.store.EndSession(c.UserContext(), p.Subject, p.SessionID)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return httpserver.Send(c, fiber.StatusOK, revoked{n})
}
