package httpserver

import (
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

// What pages of an allowed origin may send and read. Credentials are never
// allowed: tokens travel in Authorization, so cookies have no business here.
const (
	corsMethods = "GET, HEAD, POST, PUT, PATCH, DELETE"
	corsRequest = "Authorization, Cache-Control, Consistency-Token, Content-Type, Idempotency-Key, If-Match, If-None-Match"
	corsAnswer  = "Cache-Status, Consistency-Token, ETag, Idempotent-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id"
	corsMaxAge  = "600"
)

// cors lets pages of some origins call the service (Fetch Standard §3.2).
type cors struct{ origins []string }

func (p *cors) handle(c *fiber.Ctx) error {
	c.Vary(fiber.HeaderOrigin)
	origin := c.Request().Header.Peek(fiber.HeaderOrigin)
	allowed := slices.Index(p.origins, utils.UnsafeString(origin)) // compared, not kept
	if allowed < 0 {
		return c.Next()
	}
	c.Set(fiber.HeaderAccessControlAllowOrigin, p.origins[allowed])
	if c.Method() == fiber.MethodOptions && len(c.Request().Header.Peek(fiber.HeaderAccessControlRequestMethod)) > 0 {
		c.Set(fiber.HeaderAccessControlAllowMethods, corsMethods)
		c.Set(fiber.HeaderAccessControlAllowHeaders, corsRequest)
		c.Set(fiber.HeaderAccessControlMaxAge, corsMaxAge)
		return c.SendStatus(fiber.StatusNoContent)
	}
	c.Set(fiber.HeaderAccessControlExposeHeaders, corsAnswer)
	return c.Next()
}
