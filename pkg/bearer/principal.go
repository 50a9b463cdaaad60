package bearer

import (
	"context"
	"time"
)

// Principal is the caller of a request, as its token describes it.
type Principal struct {
	Subject   string // a user's id, or the client's own for client_credentials
	ClientID  string
	Tenant    string // organisation, or else the subject; every query is scoped by it
	SessionID string
	TokenID   string
	Scopes    Scopes
	Roles     []string
	Expires   time.Time
	Actor     string // who acts in the subject's name, if somebody does
	External  bool   // by another issuer's token, whose session lives elsewhere
}

func principalOf(c *Claims) Principal {
	return Principal{
		Subject: c.Subject, ClientID: c.ClientID, Tenant: c.Tenant, SessionID: c.SessionID, TokenID: c.ID,
		Scopes: c.Scopes, Roles: c.Roles, Expires: time.Unix(c.Expires, 0),
	}
}

// From is the caller that the guard has let in. Without a guard before the
// handler it returns [ErrMissing], so that a forgotten guard lets nobody in.
func From(ctx context.Context) (*Principal, error) {
	if a := admissionFrom(ctx); a != nil {
		return &a.principal, nil
	}
	return nil, ErrMissing
}
