package users

import (
	"errors"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/httpserver"
	"tandem.example/pkg/ratelimit"
)

type handlers struct{ directory *Directory }

// Routes are the capability's HTTP face.
func Routes(cfg Config, directory *Directory, guard *bearer.Guard, limiter *ratelimit.Limiter) []httpserver.Route {
	h := handlers{directory}
	admin := guard.OwnOnly().Require("admin")
	return []httpserver.Route{
		{Method: fiber.MethodGet, Path: "/v1/me", Handlers: []fiber.Handler{guard.Require(), h.me}},
		{Method: fiber.MethodPut, Path: "/v1/me/password", Handlers: []fiber.Handler{guard.OwnOnly().Require(), ratelimit.Announce, h.changePassword}},
		{Method: fiber.MethodPost, Path: "/v1/users", Handlers: []fiber.Handler{h.reception(cfg, admin, limiter), h.register}},
		{Method: fiber.MethodGet, Path: "/v1/users", Handlers: []fiber.Handler{admin, h.list}},
		{Method: fiber.MethodGet, Path: "/v1/users/:id", Handlers: []fiber.Handler{admin, h.find}},
		{Method: fiber.MethodPatch, Path: "/v1/users/:id", Handlers: []fiber.Handler{admin, h.update}},
		{Method: fiber.MethodPut, Path: "/v1/users/:id/password", Handlers: []fiber.Handler{admin, h.resetPassword}},
	}
}

// profile is the caller as this service sees it.
type profile struct {
	Subject   string   `json:"sub"`
	Login     string   `json:"login,omitempty"` // of users who have a password here
	Tenant    string   `json:"tenant"`
	ClientID  string   `json:"client_id,omitempty"`
	SessionID string   `json:"sid"`
	Scopes    []string `json:"scopes"`
	Roles     []string `json:"roles"`
	Expires   int64    `json:"exp"`
}

func (h handlers) me(c *fiber.Ctx) error {
	p, err := bearer.From(c.UserContext())
	if err != nil {
		return err
	}
	answer := profile{
		Subject: p.Subject, Tenant: p.Tenant, ClientID: p.ClientID, SessionID: p.SessionID,
		Scopes: p.Scopes.Names(), Roles: p.Roles, Expires: p.Expires.Unix(),
	}
	if !p.External {
		user, err := h.directory.Find(c.UserContext(), p.Subject)
		if err != nil && !errors.Is(err, ErrUnknown) { // clients and Clerk's users are not here
			return err
		}
		answer.Login = user.Login
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return httpserver.Send(c, fiber.StatusOK, answer)
}
