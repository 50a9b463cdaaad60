package clients

import (
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/env"
	"tandem.example/pkg/fault"
	"tandem.example/pkg/httpserver"
)

const scopeAdmin = "admin"

var errCursor = fault.New(fault.Invalid, "invalid_cursor", "the cursor was not made for this list")

const (
	pageDefault = 50
	pageMax     = 100
)

type handlers struct{ admin *Admin }

// Routes are the capability's HTTP face, for administrators.
func Routes(admin *Admin, guard *bearer.Guard) []httpserver.Route {
	h := handlers{admin}
	route := func(method, path string, serve fiber.Handler) httpserver.Route {
		return httpserver.Route{Method: method, Path: path, Handlers: []fiber.Handler{guard.OwnOnly().Require(scopeAdmin), serve}}
	}
	return []httpserver.Route{
		route(fiber.MethodPost, "/v1/clients", h.create),
		route(fiber.MethodGet, "/v1/clients", h.list),
		route(fiber.MethodGet, "/v1/clients/:id", h.get),
		route(fiber.MethodPatch, "/v1/clients/:id", h.change),
		route(fiber.MethodPost, "/v1/clients/:id/rotate-secret", h.rotate),
	}
}

// shown is a client as administrators see it. The secret is there once.
type shown struct {
	ID         string     `json:"client_id"`
	Secret     string     `json:"client_secret,omitempty"`
	Name       string     `json:"name"`
	Grants     []string   `json:"grants"`
	Scopes     []string   `json:"scopes"`
	Audiences  []string   `json:"audiences"`
	Public     bool       `json:"public"`
	FirstParty bool       `json:"first_party"`
	Disabled   bool       `json:"disabled"`
	Previous   *time.Time `json:"previous_secret_expires_at,omitempty"`
	Created    time.Time  `json:"created_at"`
	Updated    time.Time  `json:"updated_at"`
}

func show(r *Record, secret env.Secret) shown {
	s := shown{
		ID: r.ID, Secret: secret.Reveal(), Name: r.Name, Grants: r.Grants, Scopes: r.Scopes.Names(), Audiences: r.Audiences,
		Public: r.Public, FirstParty: r.FirstParty, Disabled: r.Disabled, Created: r.Created.UTC(), Updated: r.Updated.UTC(),
	}
	if until := r.until().UTC(); !until.IsZero() {
		s.Previous = &until
	}
	return s
}

func send(c *fiber.Ctx, status int, v any) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	return httpserver.Send(c, status, v)
}

// idOf shares no memory with the request.
func idOf(c *fiber.Ctx) string { return strings.Clone(c.Params("id")) }

func (h handlers) create(c *fiber.Ctx) error {
	by, err := bearer.From(c.UserContext())
	if err != nil {
		return err
	}
	body, err := httpserver.Decode[draft](c)
	if err != nil {
		return err
	}
	r, secret, err := h.admin.Create(c.UserContext(), by.Subject, body.client())
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderLocation, "/v1/clients/"+r.ID)
	return send(c, fiber.StatusCreated, show(&r, secret))
}

func (h handlers) get(c *fiber.Ctx) error {
	r, err := h.admin.Find(c.UserContext(), idOf(c))
	if err != nil {
		return err
	}
	return send(c, fiber.StatusOK, show(&r, ""))
}

func (h handlers) change(c *fiber.Ctx) error {
	by, err := bearer.From(c.UserContext())
	if err != nil {
		return err
	}
	body, err := httpserver.Decode[patch](c)
	if err != nil {
		return err
	}
	change := h.admin.Change
	if body.Disabled.value {
		change = h.admin.Disable
	}
	r, err := change(c.UserContext(), by.Subject, idOf(c), body.apply)
	if err != nil {
		return err
	}
	return send(c, fiber.StatusOK, show(&r, ""))
}

func (h handlers) rotate(c *fiber.Ctx) error {
	by, err := bearer.From(c.UserContext())
	if err != nil {
		return err
	}
	body, err := httpserver.Decode[rotation](c)
	if err != nil {
		return err
	}
	overlap, err := body.overlap()
	if err != nil {
		return err
	}
	r, secret, err := h.admin.Rotate(c.UserContext(), by.Subject, idOf(c), overlap)
	if err != nil {
		return err
	}
	return send(c, fiber.StatusOK, show(&r, secret))
}

// page is one of the list's. The cursor is the last id of the page before.
type page struct {
	Items []shown `json:"items"`
	Next  *string `json:"next_cursor"`
}

func (h handlers) list(c *fiber.Ctx) error {
	query, err := httpserver.Query(c, "limit", "cursor")
	if err != nil {
		return err
	}
	limit, err := httpserver.Limit(query, pageDefault, pageMax)
	if err != nil {
		return err
	}
	after, given := query["cursor"]
	if given && !ValidID(after) {
		return errCursor
	}
	found, err := h.admin.List(c.UserContext(), after, limit+1)
	if err != nil {
		return err
	}
	var p page
	if len(found) > limit {
		found = found[:limit]
		p.Next = &found[limit-1].ID
	}
	p.Items = make([]shown, len(found))
	for i := range found {
		p.Items[i] = show(&found[i], "")
	}
	return send(c, fiber.StatusOK, p)
}
