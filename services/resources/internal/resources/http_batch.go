package resources

import (
	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/httpserver"
)

// getAll is a read although it is a POST: a hundred ids are too much for a URL.
func (h handlers) getAll(c *fiber.Ctx) error {
	by, err := actor(c)
	if err != nil {
		return err
	}
	batch, err := httpserver.Decode[Batch](c)
	if err != nil {
		return err
	}
	body, source, err := h.registry.GetAll(c.UserContext(), by.Tenant, batch, asksFresh(c.Get(fiber.HeaderCacheControl)))
	if err != nil {
		return err
	}
	c.Set(headerCacheStatus, source.Status(cacheName))
	c.Set(fiber.HeaderCacheControl, private)
	c.Set(fiber.HeaderContentType, httpserver.JSON)
	return c.Send(body)
}
