package httpserver

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"
)

// Send answers with v as JSON.
func Send(c *fiber.Ctx, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	c.Status(status)
	c.Set(fiber.HeaderContentType, JSON)
	return c.Send(body)
}
