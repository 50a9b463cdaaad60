// Package tokens is the OAuth face of the service: it turns a grant into tokens,
// and ends and describes them for the clients that hold them.
//
// It promises the answers of RFC 6749, 7009, 7662, 8414 and 8693 as they are
// written, refuses what they leave to the server (repeated parameters, queries,
// other encodings), and never calls a token active whose state it could not
// read.
package tokens

import (
	"context"
	"errors"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/fault"
	"tandem.example/services/auth/internal/clients"
	"tandem.example/services/auth/internal/sessions"
)

// The grants, by the names they have on the wire.
const (
	GrantPassword = clients.GrantPassword
	GrantRefresh  = clients.GrantRefresh
	GrantClient   = clients.GrantClient
	GrantExchange = clients.GrantExchange
)

// The token types of RFC 8693 §3.
const (
	typeJWT    = "urn:ietf:params:oauth:token-type:jwt"
	typeAccess = "urn:ietf:params:oauth:token-type:access_token"
)

// The refusals, with the error codes of RFC 6749 §5.2 and RFC 8693 §2.2.2.
var (
	ErrRequest      = fault.New(fault.Invalid, "invalid_request", "the request is malformed")
	ErrGrant        = fault.New(fault.Invalid, "invalid_grant", "the credentials are not valid")
	ErrUnauthorized = fault.New(fault.Invalid, "unauthorized_client", "the client may not use this grant")
	ErrUnsupported  = fault.New(fault.Invalid, "unsupported_grant_type", "the grant type is not supported")
	ErrScope        = fault.New(fault.Invalid, "invalid_scope", "the scope is malformed or wider than what may be granted")
	ErrTarget       = fault.New(fault.Invalid, "invalid_target", "the client may not ask for tokens for this audience")
)

// Account is a user who has proved to be one.
type Account struct {
	Subject    string
	Generation int64
	Roles      []string
}

// Visitor is a user of another service's session.
type Visitor struct {
	Subject string
	Tenant  string
	Session string
	Actor   string // who acts in the subject's name, if somebody does
	Roles   []string
	Scopes  bearer.Scopes
	Expires time.Time // of the token
}

// Ports are what the issuer needs of others.
type (
	// Accounts check passwords. A fault of kind Invalid is a wrong one.
	Accounts interface {
		Login(ctx context.Context, name, password string) (Account, error)
	}
	// Visitors check session tokens of Clerk: first the token alone, then that its
	// session is active, which they ask each time. A fault of kind Unauthenticated
	// is a wrong one.
	Visitors interface {
		Identify(ctx context.Context, token string) (Visitor, error)
		Confirm(ctx context.Context, e *epoch.Epoch, v Visitor) error
	}
	// Store keeps the sessions; *sessions.Store is one.
	Store interface {
		Begin(ctx context.Context, client string) (*sessions.Login, error)
		Generation(ctx context.Context, subject string) (int64, error)
		Create(ctx context.Context, l *sessions.Login, g sessions.Grant) (sessions.Issued, error)
		Refresh(ctx context.Context, raw, client string, terms sessions.Terms) (sessions.Issued, error)
	}
)

// Issuer turns grants into tokens.
type Issuer struct {
	accounts Accounts
	visitors Visitors // nil: no exchange
	store    Store
	signer   bearer.Signer
	roles    bearer.RoleScopes
	issuer   string
	audience string
}

// NewIssuer makes an issuer. Visitors may be nil.
func NewIssuer(
	cfg bearer.Config, roles bearer.RoleScopes, signer bearer.Signer, store Store, accounts Accounts, visitors Visitors,
) *Issuer {
	return &Issuer{accounts, visitors, store, signer, roles, cfg.Issuer, cfg.Audience}
}

// Begin comes before the client is looked at: what is decided about it from now on
// cannot be missed by the session that is made. A refresh makes none.
func (i *Issuer) Begin(ctx context.Context, clientID, grant string) (*sessions.Login, error) {
	if grant == GrantRefresh {
		return nil, nil //nolint:nilnil // nothing begins
	}
	return i.store.Begin(ctx, clientID)
}

// Grant answers one request of an authenticated client, whose login was begun
// before it was authenticated.
func (i *Issuer) Grant(ctx context.Context, begun *sessions.Login, client clients.Client, f Form) (Response, error) {
	name := f["grant_type"]
	grant := i.by(name)
	switch {
	case name == "":
		return Response{}, ErrRequest.Detailf("grant_type is missing")
	case grant == nil:
		return Response{}, ErrUnsupported
	case !client.May(name):
		return Response{}, ErrUnauthorized
	}
	if _, err := i.signer.Signing(); err != nil { // before anything is changed
		return Response{}, err
	}
	issued, err := grant(ctx, begun, client, f)
	if err != nil {
		return Response{whose: issued}, refusal(err)
	}
	a, err := i.sign(issued)
	if name == GrantExchange {
		a.IssuedType = typeAccess
	}
	return a, err
}

// by is what performs a grant, nil for one that is not served.
func (i *Issuer) by(grant string) func(context.Context, *sessions.Login, clients.Client, Form) (sessions.Issued, error) {
	switch {
	case grant == GrantPassword:
		return i.password
	case grant == GrantRefresh:
		return i.refresh
	case grant == GrantClient:
		return i.clientCredentials
	case grant == GrantExchange && i.visitors != nil:
		return i.exchange
	default:
		return nil
	}
}

// refusal gives the sessions' reasons the one name that clients know; the reason
// stays in the log.
func refusal(err error) error {
	switch {
	case errors.Is(err, sessions.ErrScope):
		return ErrScope
	case errors.Is(err, sessions.ErrTarget):
		return ErrTarget
	case errors.Is(err, sessions.ErrMalformed), errors.Is(err, sessions.ErrEnded), errors.Is(err, sessions.ErrReused),
		errors.Is(err, sessions.ErrClient), errors.Is(err, sessions.ErrMoved):
		return ErrGrant.Because(err)
	default:
		return err
	}
}
