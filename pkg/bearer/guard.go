package bearer

import (
	"context"
	"strings"

	"tandem.example/pkg/epoch"
)

// Epochs gives the token store that counts now; *epoch.Keeper is one.
type Epochs interface {
	Current() (*epoch.Epoch, error)
	Reading() (*epoch.Trip, error)
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

// Status knows of tokens, beyond what they say of themselves, whether they are
// still live; *Introspector is one.
type Status interface {
	// Live returns nil, [ErrRevoked] or a 503. It keeps no part of raw.
	Live(ctx context.Context, raw string) error
}

// Guard stands before handlers that need a caller. It is immutable.
type Guard struct {
	verifier *Verifier
	epochs   Epochs // nil: Redis is not asked
	status   Status // asked instead, if it is not nil
	offline  bool   // nobody is asked, and that is meant
	external External
}

// NewGuard makes a guard that asks Redis whether a token is live. External may
// be nil.
func NewGuard(verifier *Verifier, epochs Epochs, external External) *Guard {
	return &Guard{verifier: verifier, epochs: epochs, external: external}
}

// NewAskingGuard makes a guard for services that have no access to the Redis of
// tokens: it asks somebody who has, in each request.
func NewAskingGuard(verifier *Verifier, status Status) *Guard {
	return &Guard{verifier: verifier, status: status}
}

// NewOfflineGuard makes a guard that asks nobody. It does not know what has been
// revoked: a token whose session has ended is accepted until it expires
// (TOKEN_EXPIRE_MINUTES). It is for work that may be done by somebody who was
// logged out minutes ago.
func NewOfflineGuard(verifier *Verifier) *Guard { return &Guard{verifier: verifier, offline: true} }

// OwnOnly is the same guard for what only a session of ours can ask for.
func (g *Guard) OwnOnly() *Guard {
	own := *g
	own.external = nil
	return &own
}

// begin does all that needs no round trip and puts the check on a trip. The
// request has so many Authorization headers, of which this is the first; nothing
// of it is kept beyond the request, which only reads what is cached or may do more.
func (g *Guard) begin(ctx context.Context, cached bool, headers int, authorization string) (*admission, error) {
	raw, err := credentials(headers, authorization)
	if err != nil {
		return nil, err
	}
	a := &admission{Context: ctx}
	if a.principal, err = g.identify(a, raw); err != nil {
		return nil, err
	}
	switch {
	case g.status != nil || g.offline:
		a.status, a.raw = g.status, raw
		return a, nil
	case g.epochs == nil: // forgotten: then nobody is let in
		return nil, ErrUnread
	}
	if a.principal.External {
		a.external = g.external
	}
	if a.trip, err = g.trip(cached); err != nil {
		return nil, err
	}
	a.probe = probeOf(a.Context, &a.principal)
	a.trip.Add(a.probe.cmd)
	return a, nil
}

func (g *Guard) trip(cached bool) (*epoch.Trip, error) {
	if cached {
		return g.epochs.Reading()
	}
	current, err := g.epochs.Current()
	if err != nil {
		return nil, err
	}
	return current.Trip(), nil
}

// admit is all of [Guard.Require] that is not HTTP.
func (g *Guard) admit(ctx context.Context, scopes []string, headers int, authorization string) (*admission, error) {
	a, err := g.begin(ctx, false, headers, authorization)
	if err == nil {
		err = a.await(a)
	}
	if err == nil {
		err = a.covers(scopes)
	}
	return a, err
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

// credentials takes the token from the one Authorization header. A token in the
// query or a form is not looked for (RFC 9700 §4.3.2).
func credentials(headers int, authorization string) (string, error) {
	scheme, raw, _ := strings.Cut(authorization, " ")
	switch {
	case headers > 1:
		return "", ErrMalformed
	case !strings.EqualFold(scheme, "Bearer"): // also if there is none
		return "", ErrMissing
	case raw == "":
		return "", ErrMalformed
	default:
		return raw, nil
	}
}
