package resources

import (
	"bytes"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/coherent"
	"tandem.example/pkg/fault"
	"tandem.example/pkg/httpserver"
	"tandem.example/services/resources/internal/idempotency"
)

// The scopes this service asks for.
const (
	scopeRead  = "resources:read"
	scopeWrite = "resources:write"
)

// Header fields that Fiber has no name for.
const (
	headerCacheStatus = "Cache-Status" // RFC 9211
	headerConsistency = "Consistency-Token"
	headerAcceptPatch = "Accept-Patch" // RFC 5789 §3.1
)

// cacheName is ours in Cache-Status.
const cacheName = "tandem"

// private keeps every other cache from answering in our place: a browser's own
// copy must be revalidated, and shared ones keep none.
const private = "private, no-cache"

type handlers struct{ registry *Registry }

// Routes are the capability's HTTP face. A cached read defers its token check,
// so that both travel in one round trip.
func Routes(registry *Registry, guard *bearer.Guard) []httpserver.Route {
	h := handlers{registry}
	cached, write := guard.Deferred(scopeRead), guard.Require(scopeWrite)
	return []httpserver.Route{
		{Method: fiber.MethodPost, Path: "/v1/resources", Handlers: []fiber.Handler{write, h.create}},
		{Method: fiber.MethodGet, Path: "/v1/resources", Handlers: []fiber.Handler{cached, h.list}},
		{Method: fiber.MethodPost, Path: "/v1/resources/batch-get", Handlers: []fiber.Handler{cached, h.getAll}},
		{Method: fiber.MethodGet, Path: "/v1/resources/:id", Handlers: []fiber.Handler{cached, h.get}},
		{Method: fiber.MethodPut, Path: "/v1/resources/:id", Handlers: []fiber.Handler{write, h.replace}},
		{Method: fiber.MethodPatch, Path: "/v1/resources/:id", Handlers: []fiber.Handler{write, h.patch}},
		{Method: fiber.MethodDelete, Path: "/v1/resources/:id", Handlers: []fiber.Handler{write, h.remove}},
	}
}

func (h handlers) get(c *fiber.Ctx) error {
	id, err := ParseID(c.Params("id"))
	if err != nil {
		return err
	}
	by, err := actor(c)
	if err != nil {
		return err
	}
	known, err := atLeast(fields(c, headerConsistency), id)
	if err != nil {
		return err
	}
	entry, source, err := h.registry.Get(c.UserContext(), by.Tenant, id, known, asksFresh(c.Get(fiber.HeaderCacheControl)))
	if err != nil {
		return err
	}
	c.Set(headerCacheStatus, source.Status(cacheName))
	if revalidates(c.Get(fiber.HeaderIfNoneMatch), entry.Version) {
		c.Set(fiber.HeaderETag, etag(entry.Version))
		c.Set(fiber.HeaderCacheControl, private)
		c.Status(fiber.StatusNotModified)
		return nil
	}
	return send(c, fiber.StatusOK, entry)
}

func (h handlers) create(c *fiber.Ctx) error {
	by, err := actor(c)
	if err != nil {
		return err
	}
	once, err := idempotency.From(c, by.Tenant, by.Subject, "")
	if err != nil {
		return err
	}
	draft, err := httpserver.Decode[Draft](c)
	if err != nil {
		return err
	}
	w, err := h.registry.Create(c.UserContext(), by, draft, once)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderLocation, "/v1/resources/"+w.ID.String())
	return sendWritten(c, fiber.StatusCreated, w)
}

func (h handlers) replace(c *fiber.Ctx) error {
	t, err := targetOf(c)
	if err != nil {
		return err
	}
	draft, err := httpserver.Decode[Draft](c)
	if err != nil {
		return err
	}
	w, err := h.registry.Replace(c.UserContext(), t.by, t.id, draft, t.match, t.once)
	if err != nil {
		return err
	}
	return sendWritten(c, fiber.StatusOK, w)
}

func (h handlers) patch(c *fiber.Ctx) error {
	t, err := targetOf(c)
	if err != nil {
		return err
	}
	patch, err := httpserver.DecodeAs[Patch](c, httpserver.MergePatch)
	if err != nil {
		if fault.KindOf(err) == fault.UnsupportedMediaType {
			c.Set(headerAcceptPatch, httpserver.MergePatch)
		}
		return err
	}
	w, err := h.registry.Patch(c.UserContext(), t.by, t.id, patch, t.match, t.once)
	if err != nil {
		return err
	}
	return sendWritten(c, fiber.StatusOK, w)
}

func (h handlers) remove(c *fiber.Ctx) error {
	t, err := targetOf(c)
	if err != nil {
		return err
	}
	w, err := h.registry.Delete(c.UserContext(), t.by, t.id, t.match, t.once)
	if err != nil {
		return err
	}
	w.ID = t.id // of an earlier deletion no more is known than that it was this one's
	return sendWritten(c, fiber.StatusNoContent, w)
}

func actor(c *fiber.Ctx) (Actor, error) {
	p, err := bearer.From(c.UserContext())
	if err != nil {
		return Actor{}, err
	}
	return Actor{Tenant: p.Tenant, Subject: p.Subject}, nil
}

// target is what every change of one resource needs.
type target struct {
	by    Actor
	id    ID
	match Match
	once  idempotency.Request
}

func targetOf(c *fiber.Ctx) (t target, err error) {
	if t.by, err = actor(c); err != nil {
		return t, err
	}
	if t.id, err = ParseID(c.Params("id")); err != nil {
		return t, err
	}
	if t.match, err = condition(c); err != nil {
		return t, err
	}
	t.once, err = idempotency.From(c, t.by.Tenant, t.by.Subject, t.id.String())
	return t, err
}

// condition reads all lines of If-Match as one list (RFC 9110 §5.3). A header
// that is there and empty is a client's mistake, and no leave to change anything.
func condition(c *fiber.Ctx) (Match, error) {
	if len(c.Request().Header.PeekAll(fiber.HeaderIfMatch)) == 0 {
		return nil, nil
	}
	list := fields(c, fiber.HeaderIfMatch)
	if list == "" {
		return nil, ErrInvalidMatch
	}
	return parseIfMatch(list)
}

// fields joins the lines of a header field into one list (RFC 9110 §5.3).
func fields(c *fiber.Ctx, name string) string {
	return string(bytes.Join(c.Request().Header.PeekAll(name), []byte(", ")))
}

// send writes an entry's bytes as they are.
func send(c *fiber.Ctx, status int, entry coherent.Entry) error {
	c.Status(status)
	c.Set(fiber.HeaderETag, etag(entry.Version))
	c.Set(fiber.HeaderCacheControl, private)
	c.Set(fiber.HeaderContentType, httpserver.JSON)
	return c.Send(entry.Body)
}

// sendWritten writes the answer to a write, which has no body after a deletion.
func sendWritten(c *fiber.Ctx, status int, w Written) error {
	if w.Replayed {
		idempotency.Announce(c)
	}
	c.Set(headerConsistency, consistencyToken(w.ID, w.Entry.Version))
	if status == fiber.StatusNoContent {
		c.Status(status)
		return nil
	}
	return send(c, status, w.Entry)
}

// asksFresh tells a reader that wants the database's answer (RFC 9111 §5.2.1.4).
func asksFresh(cacheControl string) bool {
	if cacheControl == "" {
		return false
	}
	return slices.ContainsFunc(strings.Split(cacheControl, ","), func(directive string) bool {
		return strings.EqualFold(strings.TrimSpace(directive), "no-cache")
	})
}
