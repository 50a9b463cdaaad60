package idempotency

import (
	"bytes"

	"github.com/gofiber/fiber/v2"
)

const (
	headerKey      = "Idempotency-Key" // draft-ietf-httpapi-idempotency-key-header
	headerReplayed = "Idempotent-Replayed"
)

// From reads the key of a request that changes something. What it asks for is its
// method, its target, its conditions and its body, byte for byte. It returns
// [ErrInvalidKey].
func From(c *fiber.Ctx, tenant, principal, target string) (Request, error) {
	lines := c.Request().Header.PeekAll(headerKey)
	if len(lines) == 0 {
		return Request{}, nil
	}
	if len(lines) > 1 {
		return Request{}, ErrInvalidKey
	}
	key, err := parseKey(string(lines[0]))
	if err != nil {
		return Request{}, err
	}
	parts := [][]byte{[]byte(c.Method()), []byte(target), c.Request().Body()}
	if conditions := c.Request().Header.PeekAll(fiber.HeaderIfMatch); len(conditions) > 0 {
		parts = append(parts, bytes.Join(conditions, []byte(", ")))
	}
	return New(tenant, principal, key, parts...), nil
}

// Announce says in the answer that it was given before.
func Announce(c *fiber.Ctx) { c.Set(headerReplayed, "true") }
