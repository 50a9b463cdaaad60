package httpserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"

	"github.com/gofiber/fiber/v2"
)

// Document is a route for a file that is part of the program.
func Document(path, contentType string, body []byte) Route {
	etag := etagOf(body)
	return get(path, func(c *fiber.Ctx) error { return sendDocument(c, contentType, "no-cache", etag, body) })
}

// Changing is a route for a document that is made anew for each request and may
// be kept as cacheControl says.
func Changing(path, contentType, cacheControl string, make func() ([]byte, error)) Route {
	return get(path, func(c *fiber.Ctx) error {
		body, err := make()
		if err != nil {
			return err
		}
		return sendDocument(c, contentType, cacheControl, etagOf(body), body)
	})
}

func get(path string, serve fiber.Handler) Route {
	return Route{Method: fiber.MethodGet, Path: path, Handlers: []fiber.Handler{serve}}
}

func etagOf(body []byte) []byte {
	sum := sha256.Sum256(body)
	return []byte(`"` + hex.EncodeToString(sum[:8]) + `"`)
}

func sendDocument(c *fiber.Ctx, contentType, cacheControl string, etag, body []byte) error {
	c.Response().Header.SetBytesV(fiber.HeaderETag, etag)
	c.Set(fiber.HeaderCacheControl, cacheControl)
	if bytes.Equal(c.Request().Header.Peek(fiber.HeaderIfNoneMatch), etag) {
		c.Status(fiber.StatusNotModified)
		return nil
	}
	c.Set(fiber.HeaderContentType, contentType)
	return c.Send(body)
}
