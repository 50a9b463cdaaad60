package ratelimit

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/httpserver"
)

// The header fields of draft-ietf-httpapi-ratelimit-headers-10.
const (
	headerPolicy = "RateLimit-Policy"
	headerLimit  = "RateLimit"
)

// PerAddress admits as many requests of each caller's network as the limit says.
// Every answer tells where the limit stands.
func (l *Limiter) PerAddress(limit Limit) fiber.Handler {
	return func(c *fiber.Ctx) error {
		states, err := l.Take(c.UserContext(), limit.Of(Network(httpserver.ClientAddr(c))))
		announce(c, states)
		if err != nil {
			return err
		}
		return Announce(c)
	}
}

// Announce has an answer tell which limit refused it, if one did further down.
// Of limits that did not refuse it says nothing: they may count what others do.
func Announce(c *fiber.Ctx) error {
	err := c.Next()
	if refusal, ok := errors.AsType[*ExceededError](err); ok {
		announce(c, refusal.States)
	}
	return err
}

// announce adds to both lists (draft §3, §4). The time in RateLimit is the one
// after which all of the quota is there.
func announce(c *fiber.Ctx, states []State) {
	var policies, limits strings.Builder
	for i, s := range states {
		if i > 0 {
			policies.WriteString(", ")
			limits.WriteString(", ")
		}
		name := strconv.Quote(s.Limit.Name)
		policies.WriteString(name + ";q=" + strconv.Itoa(s.Limit.Quota) + ";w=" + seconds(s.Limit.Window))
		limits.WriteString(name + ";r=" + strconv.Itoa(s.Remaining) + ";t=" + seconds(s.Reset))
	}
	if len(states) > 0 {
		c.Append(headerPolicy, policies.String())
		c.Append(headerLimit, limits.String())
	}
}

// seconds rounds up: nobody should come too early.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
