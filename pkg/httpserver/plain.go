package httpserver

import (
	"bytes"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/fault"
)

var errPlain = fault.New(fault.Forbidden, "https_required", "this service answers requests that reached it through HTTPS only")

// refusePlain admits a request that came without TLS only from a trusted proxy
// that says it spoke HTTPS with the client. The proxy nearest to us writes the
// last word of the last field.
func (s *Server) refusePlain(c *fiber.Ctx) error {
	r := requestOf(c.UserContext())
	if !s.cfg.TrustedProxies.Contains(r.peer) {
		return errPlain
	}
	fields := c.Request().Header.PeekAll(fiber.HeaderXForwardedProto)
	if len(fields) == 0 {
		return errPlain
	}
	proto := fields[len(fields)-1]
	proto = bytes.TrimSpace(proto[bytes.LastIndexByte(proto, ',')+1:])
	if !bytes.EqualFold(proto, []byte("https")) {
		return errPlain
	}
	return c.Next()
}
