package httpserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"

	"github.com/gofiber/fiber/v2"
)

// Document is a route for a file that is part of the program.
func Document(path, contentType string, body []byte) Route {
	sum := sha256.Sum256(body)
	etag := []byte(`"` + hex.EncodeToString(sum[:8]) + `"`)
	serve := func(c *fiber.Ctx) error {
		c.Response().Header.SetBytesV(fiber.HeaderETag, etag)
		c.Set(fiber.HeaderCacheControl, "no-cache")
		if bytes.Equal(c.Request().Header.Peek(fiber.HeaderIfNoneMatch), etag) {
			c.Status(fiber.StatusNotModified)
			return nil
		}
		c.Set(fiber.HeaderContentType, contentType)
		return c.Send(body)
	}
	return Route{Method: fiber.MethodGet, Path: path, Handlers: []fiber.Handler{serve}}
}
