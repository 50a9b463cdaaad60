package bearer

import (
	"context"
	"strings"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/epoch"
)

// Epochs gives the token store that counts now; *epoch.Keeper is one.
type Epochs interface {
	Current() (*epoch.Epoch, error)
}

// External is another issuer whose session tokens the guard takes as they are.
type External interface {
	// Issued tells, from what an unverified token says of itself, whether this
	// issuer is to judge it.
	Issued(raw string) bool
	// Verify checks the token without asking anybody, the issuer's keys aside.
	// It keeps no part of raw.
	Verify(ctx context.Context, raw string) (Principal, error)
	// Admit decides about a session of which the token store knows nothing.
	Admit(ctx context.Context, e *epoch.Epoch, p *Principal) error
}

// Guard stands before handlers that need a caller. It is immutable.
type Guard struct {
	verifier *Verifier
	epochs   Epochs
	external External
}

// NewGuard makes a guard. External may be nil.
func NewGuard(verifier *Verifier, epochs Epochs, external External) *Guard {
	return &Guard{verifier, epochs, external}
}

// OwnOnly is the same guard for what only a session of ours can ask for.
func (g *Guard) OwnOnly() *Guard { return &Guard{g.verifier, g.epochs, nil} }

// Require lets a request through once its token is known to be live and to have
// every scope.
func (g *Guard) Require(scopes ...string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if err := g.Check(c, scopes...); err != nil {
			return err
		}
		return c.Next()
	}
}

// Check is [Guard.Require] for a handler that knows which scopes are needed only
// when it is called. After it, [From] gives the caller.
func (g *Guard) Check(c *fiber.Ctx, scopes ...string) error {
	a, err := g.begin(c)
	if err == nil {
		err = a.await(a)
	}
	if err == nil {
		err = a.covers(scopes)
	}
	if err != nil {
		return challenge(c, err, scopes)
	}
	c.SetUserContext(a)
	return nil
}

// Deferred is [Guard.Require] for cached reads: the check is put on the
// request's trip (package epoch), so that it travels with the handler's own
// read, and is awaited after the handler. If the token turns out not to be
// live, nothing of the handler's answer is left. The handler must not do
// anything but read the cache before it has called [Admit].
func (g *Guard) Deferred(scopes ...string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		a, err := g.begin(c)
		if err != nil {
			return challenge(c, err, scopes)
		}
		if lacking := a.covers(scopes); lacking != nil {
			if err := a.await(a); err != nil {
				return challenge(c, err, scopes)
			}
			return challenge(c, lacking, scopes)
		}
		before := remember(c)
		defer before.forget()
		c.SetUserContext(epoch.WithTrip(a, a.trip))
		answer := c.Next()
		if err := a.await(a); err != nil {
			before.restore(c)
			return challenge(c, err, scopes)
		}
		return answer
	}
}

// begin does all that needs no round trip and puts the check on a trip.
func (g *Guard) begin(c *fiber.Ctx) (*admission, error) {
	raw, err := credentials(c)
	if err != nil {
		return nil, err
	}
	a := &admission{Context: c.UserContext()}
	if a.principal, err = g.identify(a, raw); err != nil {
		return nil, err
	}
	if a.principal.External {
		a.external = g.external
	}
	current, err := g.epochs.Current()
	if err != nil {
		return nil, err
	}
	a.trip, a.probe = current.Trip(), probeOf(a.Context, &a.principal)
	a.trip.Add(a.probe.cmd)
	return a, nil
}

func (g *Guard) identify(ctx context.Context, raw string) (Principal, error) {
	if g.external != nil && !g.verifier.Ours(raw) && g.external.Issued(raw) {
		return g.external.Verify(ctx, raw)
	}
	claims, err := g.verifier.Verify(ctx, raw)
	if err != nil {
		return Principal{}, err
	}
	return principalOf(&claims), nil
}

func (a *admission) covers(scopes []string) error {
	for _, name := range scopes {
		if !a.principal.Scopes.Has(name) {
			return ErrScope
		}
	}
	return nil
}

// credentials takes the token from the one Authorization header. It is
// borrowed from the request. A token in the query or a form is not looked for
// (RFC 9700 §4.3.2).
func credentials(c *fiber.Ctx) (string, error) {
	headers := c.Request().Header.PeekAll(fiber.HeaderAuthorization)
	if len(headers) == 0 {
		return "", ErrMissing
	}
	scheme, raw, _ := strings.Cut(c.Get(fiber.HeaderAuthorization), " ")
	switch {
	case len(headers) > 1:
		return "", ErrMalformed
	case !strings.EqualFold(scheme, "Bearer"):
		return "", ErrMissing
	case raw == "":
		return "", ErrMalformed
	default:
		return raw, nil
	}
}
