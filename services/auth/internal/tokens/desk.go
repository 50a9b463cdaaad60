package tokens

import (
	"context"
	"errors"
	"strings"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/fault"
	"tandem.example/services/auth/internal/clients"
	"tandem.example/services/auth/internal/sessions"
)

// Ledger ends and describes tokens; *sessions.Store is one.
type Ledger interface {
	Live(ctx context.Context, c *bearer.Claims) error
	Inspect(ctx context.Context, raw, client string) (sessions.Issued, error)
	EndRefresh(ctx context.Context, raw, client string) (int64, error)
	EndToken(ctx context.Context, c *bearer.Claims) (int64, error)
}

// Desk answers clients' questions about tokens that were issued.
type Desk struct {
	ledger   Ledger
	verifier bearer.Verifier
	ender    bearer.Verifier // of tokens that are to be revoked
}

// behind is how far other instances' clocks may be behind ours: so long after its
// expiry a token is revoked for them.
const behind = 5 * time.Minute

// NewDesk makes a desk. As the issuer's it knows the tokens of every audience.
func NewDesk(verifier *bearer.Verifier, ledger Ledger) *Desk {
	own := *verifier
	own.AnyAudience = true
	late := own
	late.Late = behind
	return &Desk{ledger, own, late}
}

// Description is the introspection response (RFC 7662 §2.2). Of a token that is
// not active it has nothing else.
type Description struct {
	Active    bool            `json:"active"`
	Scope     bearer.Scopes   `json:"scope,omitempty"`
	ClientID  string          `json:"client_id,omitempty"`
	TokenType string          `json:"token_type,omitempty"`
	Subject   string          `json:"sub,omitempty"`
	Audience  bearer.Audience `json:"aud,omitempty"`
	Issuer    string          `json:"iss,omitempty"`
	ID        string          `json:"jti,omitempty"`
	SessionID string          `json:"sid,omitempty"`
	Tenant    string          `json:"tenant,omitempty"`
	Roles     []string        `json:"roles,omitempty"`
	IssuedAt  int64           `json:"iat,omitzero"`
	Expires   int64           `json:"exp,omitzero"`
}

// jwtLike tells an access token from a refresh token, which has no dots. A hint
// of the client could only be wrong.
func jwtLike(raw string) bool { return strings.Contains(raw, ".") }

// Introspect describes a token to a confidential client: any access token, and
// refresh tokens of its own. A state that cannot be read is a 503, neither
// active nor inactive.
func (d *Desk) Introspect(ctx context.Context, client clients.Client, raw string) (Description, error) {
	if client.Public {
		return Description{}, clients.ErrClient
	}
	if jwtLike(raw) {
		return d.describeAccess(ctx, raw)
	}
	s, err := d.ledger.Inspect(ctx, raw, client.ID)
	if err != nil && fault.KindOf(err) == fault.Invalid {
		return Description{}, nil // not active is the answer
	}
	if err != nil {
		return Description{}, err
	}
	return Description{
		Active: true, Scope: s.Scopes, ClientID: s.ClientID, Subject: s.Subject, Issuer: d.verifier.Issuer,
		SessionID: s.SessionID, Tenant: s.Tenant, Roles: s.Roles, IssuedAt: s.IssuedAt.Unix(), Expires: s.Expires.Unix(),
	}, nil
}

func (d *Desk) describeAccess(ctx context.Context, raw string) (Description, error) {
	c, err := d.verifier.Verify(ctx, raw)
	if err != nil {
		return Description{}, undecided(err)
	}
	if err := d.ledger.Live(ctx, &c); errors.Is(err, bearer.ErrRevoked) {
		return Description{}, nil
	} else if err != nil {
		return Description{}, err
	}
	return Description{
		Active: true, Scope: c.Scopes, ClientID: c.ClientID, TokenType: "Bearer", Subject: c.Subject, Audience: c.Audience,
		Issuer: c.Issuer, ID: c.ID, SessionID: c.SessionID, Tenant: c.Tenant, Roles: c.Roles, IssuedAt: c.IssuedAt, Expires: c.Expires,
	}, nil
}

// undecided keeps of the errors of a check those that say nothing about the token.
func undecided(err error) error {
	if fault.KindOf(err) == fault.Unauthenticated {
		return nil
	}
	return err
}

// Revoke ends the token, with its session if it is a refresh token, and tells
// how many it ended. A token that is unknown, or another client's, is left alone
// (RFC 7009 §2.1, §2.2).
func (d *Desk) Revoke(ctx context.Context, client clients.Client, raw string) (int64, error) {
	if !jwtLike(raw) {
		return d.ledger.EndRefresh(ctx, raw, client.ID)
	}
	c, err := d.ender.Verify(ctx, raw)
	if err != nil {
		return 0, undecided(err) // an invalid token is as good as revoked
	}
	if c.ClientID != client.ID {
		return 0, nil
	}
	return d.ledger.EndToken(ctx, &c)
}
