package bearer

import (
	"sync"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"tandem.example/pkg/fault"
)

// challenge adds what RFC 6750 §3 wants beside a 401 or 403.
func challenge(c *fiber.Ctx, err error, scopes []string) error {
	if text := challengeOf(fault.From(err), scopes); text != "" {
		c.Set(fiber.HeaderWWWAuthenticate, text)
	}
	return err
}

// snapshot is the response as it was before the handler: what the middleware
// around the guard has set stays, whatever the handler does.
type snapshot struct{ header fasthttp.ResponseHeader }

//nolint:gochecknoglobals // a pool of scratch memory has no state
var snapshots = sync.Pool{New: func() any { return new(snapshot) }}

func remember(c *fiber.Ctx) *snapshot {
	s, _ := snapshots.Get().(*snapshot)
	c.Response().Header.CopyTo(&s.header)
	return s
}

func (s *snapshot) restore(c *fiber.Ctx) {
	c.Response().Reset()
	s.header.CopyTo(&c.Response().Header)
}

func (s *snapshot) forget() { snapshots.Put(s) }
