package sessions

import (
	"context"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/fault"
	"tandem.example/pkg/httpserver"
)

type handlers struct{ store *Store }

// scopeAdmin is what the administration of sessions takes.
const scopeAdmin = "admin"

// Routes are the capability's HTTP face. They are for our own sessions: Clerk's
// end at Clerk.
func Routes(store *Store, guard *bearer.Guard) []httpserver.Route {
	h := handlers{store}
	own, admin := guard.OwnOnly().Require(), guard.OwnOnly().Require(scopeAdmin)
	route := func(method, path string, handlers ...fiber.Handler) httpserver.Route {
		return httpserver.Route{Method: method, Path: path, Handlers: handlers}
	}
	return []httpserver.Route{
		route(fiber.MethodPost, "/logout", own, h.logout),
		route(fiber.MethodPost, "/logout/all", own, h.logoutAll),
		route(fiber.MethodGet, "/v1/sessions", own, h.list),
		route(fiber.MethodDelete, "/v1/sessions/:id", own, h.end),
		route(fiber.MethodPost, "/v1/users/:id/revoke", admin, h.endSubject),
		route(fiber.MethodPost, "/v1/clients/:id/revoke", admin, h.endClient),
		route(fiber.MethodPost, "/v1/revoke-all", admin, h.endBefore),
	}
}

// revoke ends what the caller may and answers with how much that was.
func revoke(c *fiber.Ctx, end func(context.Context, *bearer.Principal) (int64, error)) error {
	p, err := bearer.From(c.UserContext())
	if err != nil {
		return err
	}
	n, err := end(c.UserContext(), p)
	if err != nil {
		return err
	}
	return send(c, revoked{n})
}

type revoked struct {
	Count int64 `json:"revoked"`
}

func send(c *fiber.Ctx, answer any) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	return httpserver.Send(c, fiber.StatusOK, answer)
}

func (h handlers) logout(c *fiber.Ctx) error {
	return revoke(c, func(ctx context.Context, p *bearer.Principal) (int64, error) {
		return h.store.EndSession(ctx, p.Subject, p.SessionID)
	})
}

func (h handlers) logoutAll(c *fiber.Ctx) error {
	return revoke(c, func(ctx context.Context, p *bearer.Principal) (int64, error) {
		return h.store.EndSubject(ctx, p.Subject, "", nil)
	})
}

func (h handlers) end(c *fiber.Ctx) error {
	id := strings.Clone(c.Params("id"))
	return revoke(c, func(ctx context.Context, p *bearer.Principal) (int64, error) {
		return h.store.EndOwn(ctx, p.Subject, id)
	})
}

func (h handlers) endSubject(c *fiber.Ctx) error {
	subject, err := parseSubject(c.Params("id"))
	if err != nil {
		return err
	}
	return revoke(c, func(ctx context.Context, _ *bearer.Principal) (int64, error) {
		return h.store.EndSubject(ctx, subject, "", nil)
	})
}

func (h handlers) endClient(c *fiber.Ctx) error {
	client, err := parseClient(c.Params("id"))
	if err != nil {
		return err
	}
	return revoke(c, func(ctx context.Context, _ *bearer.Principal) (int64, error) {
		return h.store.EndClient(ctx, client, nil)
	})
}

// cutOff is what POST /v1/revoke-all takes.
type cutOff struct {
	Before moment `json:"before"`
}

// moment may be left out, but not be null: a time that a caller failed to fill in
// must not end everything.
type moment struct{ at *time.Time }

var errNull = fault.New(fault.Invalid, "invalid_body", "must not be null")

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (m *moment) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == 'n' {
		return errNull
	}
	m.at = new(time.Time)
	return json.UnmarshalDecode(dec, m.at)
}

func (h handlers) endBefore(c *fiber.Ctx) error {
	order, err := httpserver.Decode[cutOff](c)
	if err != nil {
		return err
	}
	return revoke(c, func(ctx context.Context, _ *bearer.Principal) (int64, error) {
		if order.Before.at == nil {
			return h.store.EndAll(ctx)
		}
		return h.store.EndBefore(ctx, *order.Before.at)
	})
}
