package tokens

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/fault"
	"tandem.example/services/auth/internal/clients"
	"tandem.example/services/auth/internal/sessions"
)

// password is for first-party clients alone: RFC 9700 §2.4 forbids the grant to
// all others, which have no business with a user's password.
func (i *Issuer) password(ctx context.Context, begun *sessions.Login, client clients.Client, f Form) (sessions.Issued, error) {
	if !client.FirstParty {
		return sessions.Issued{}, ErrUnauthorized
	}
	if f["username"] == "" || f["password"] == "" {
		return sessions.Issued{}, ErrRequest.Detailf("username or password is missing")
	}
	account, err := i.accounts.Login(ctx, f["username"], f["password"])
	whose := sessions.Issued{Grant: sessions.Grant{Subject: account.Subject}}
	if err != nil && fault.KindOf(err) == fault.Invalid {
		return whose, ErrGrant.Because(err)
	}
	if err != nil {
		return whose, err
	}
	g, err := i.grant(client, f, i.roles.Of(account.Roles))
	if err != nil {
		return whose, err
	}
	g.Subject, g.Tenant, g.Roles, g.Generation = account.Subject, account.Subject, account.Roles, account.Generation
	g.Refreshable, g.Via = client.May(GrantRefresh), GrantPassword
	return i.store.Create(ctx, begun, g)
}

// refresh gives no more than the client may ask for now, which can have become
// less since the session was begun.
func (i *Issuer) refresh(ctx context.Context, _ *sessions.Login, client clients.Client, f Form) (sessions.Issued, error) {
	if f["refresh_token"] == "" {
		return sessions.Issued{}, ErrRequest.Detailf("refresh_token is missing")
	}
	want, err := parseScope(f["scope"])
	if err != nil {
		return sessions.Issued{}, err
	}
	if !client.Scopes.Covers(want) {
		return sessions.Issued{}, ErrScope
	}
	return i.store.Refresh(ctx, f["refresh_token"], client.ID, sessions.Terms{
		Want: want, Scopes: client.Scopes, Audiences: append([]string{i.audience}, client.Audiences...),
	})
}

// clientCredentials makes a session without a refresh token (RFC 6749 §4.4.3).
func (i *Issuer) clientCredentials(ctx context.Context, begun *sessions.Login, client clients.Client, f Form) (sessions.Issued, error) {
	if client.Public {
		return sessions.Issued{}, ErrUnauthorized
	}
	g, err := i.grant(client, f, client.Scopes)
	if err != nil {
		return sessions.Issued{}, err
	}
	g.Subject, g.Tenant, g.Generation, g.Via = client.ID, client.ID, begun.Own(), GrantClient
	return i.store.Create(ctx, begun, g)
}

// exchange takes a Clerk session token. What it gives does not outlive the Clerk
// session: an event of Clerk's ends it, and each refresh asks Clerk again.
func (i *Issuer) exchange(ctx context.Context, begun *sessions.Login, client clients.Client, f Form) (sessions.Issued, error) {
	requested := f["requested_token_type"]
	switch {
	case f["subject_token"] == "" || f["subject_token_type"] == "":
		return sessions.Issued{}, ErrRequest.Detailf("subject_token or subject_token_type is missing")
	case f["subject_token_type"] != typeJWT:
		return sessions.Issued{}, ErrRequest.Detailf("the subject_token_type is not supported")
	case requested != "" && requested != typeAccess:
		return sessions.Issued{}, ErrRequest.Detailf("the requested_token_type is not supported")
	case f["actor_token"] != "" || f["actor_token_type"] != "":
		return sessions.Issued{}, ErrRequest.Detailf("actor tokens are not supported")
	}
	visitor, err := i.visitors.Identify(ctx, f["subject_token"])
	var generation int64
	if err == nil {
		generation, err = i.store.Generation(ctx, visitor.Subject) // before the session is asked for
	}
	if err == nil {
		err = i.visitors.Confirm(ctx, begun.Epoch(), visitor)
	}
	if err != nil && fault.KindOf(err) == fault.Unauthenticated { // RFC 8693 §2.2.2 wants this code
		return sessions.Issued{}, ErrRequest.Detailf("the subject_token is not valid").Because(err)
	}
	if err != nil {
		return sessions.Issued{}, err
	}
	g, err := i.grant(client, f, visitor.Scopes)
	if err != nil {
		return sessions.Issued{}, err
	}
	g.Subject, g.Tenant, g.Roles, g.Origin = visitor.Subject, visitor.Tenant, visitor.Roles, visitor.Session
	g.Generation, g.Via, g.Actor = generation, GrantExchange, visitor.Actor
	g.Refreshable = client.May(GrantRefresh)
	return i.store.Create(ctx, begun, g)
}

// grant is what client and subject both may, or the part of it that is wanted.
func (i *Issuer) grant(client clients.Client, f Form, may bearer.Scopes) (sessions.Grant, error) {
	want, err := parseScope(f["scope"])
	if err != nil {
		return sessions.Grant{}, err
	}
	both := client.Scopes.And(may)
	if want == "" {
		want = both
	}
	if want == "" || !both.Covers(want) {
		return sessions.Grant{}, ErrScope
	}
	g := sessions.Grant{ClientID: client.ID, Scopes: want, Audience: i.audience, Device: label(f["device"])}
	if audience := f["audience"]; audience != "" {
		g.Audience = audience
	}
	if !i.serves(client, g.Audience) || f["resource"] != "" {
		return sessions.Grant{}, ErrTarget
	}
	return g, nil
}

// serves tells whether the client may have tokens for an audience.
func (i *Issuer) serves(client clients.Client, audience string) bool {
	return audience == i.audience || slices.Contains(client.Audiences, audience)
}

// label is a short text that a user tells devices apart by.
func label(s string) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
	runes := []rune(clean)
	return string(runes[:min(len(runes), 64)])
}
