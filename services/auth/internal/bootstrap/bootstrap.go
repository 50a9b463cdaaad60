// Package bootstrap makes the client that an installation is first administered
// with, which nobody could make through the API.
//
// It promises that when it reports success there is a client of that id which
// the secret proves and which may ask for the scope admin, however often and by
// however many it is done; that it never changes a client that is there; and that
// the log has the making of it exactly if it was made.
package bootstrap

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"tandem.example/pkg/env"
	"tandem.example/services/auth/internal/audit"
	"tandem.example/services/auth/internal/clients"
)

// actor stands in the log for whoever ran the command. No client and no user has
// such an id.
const actor = "authd_bootstrap"

// ErrOther is a client of that name that is not the one that was asked for.
var ErrOther = errors.New("another client has ADMIN_CLIENT_ID")

// Book is where clients are kept.
type Book interface {
	Find(ctx context.Context, id string) (clients.Record, error)
	// Create returns [clients.ErrTaken].
	Create(ctx context.Context, r clients.Record, e audit.Event) (clients.Record, error)
}

// Make makes the client, and tells whether it had to. It returns [ErrOther] with
// what to do about it, or a 503.
func Make(ctx context.Context, book Book, id string, secret env.Secret) (made bool, err error) {
	wanted := clients.Record{
		Client: clients.Client{ID: id, Name: "Administration", Scopes: "admin", Grants: []string{clients.GrantClient}},
		Digest: clients.Digest(secret.Reveal()),
	}
	_, err = book.Create(ctx, wanted, audit.New(ctx, audit.Event{Type: audit.ClientCreate, Actor: actor, ClientID: id}))
	if !errors.Is(err, clients.ErrTaken) {
		return err == nil, err
	}
	there, err := book.Find(ctx, id)
	if err != nil {
		return false, err
	}
	if what := difference(&there, &wanted); what != "" {
		return false, fmt.Errorf("%w: %s", ErrOther, what)
	}
	return false, nil
}

// difference says why the client that is there does not do, and what does.
func difference(there, wanted *clients.Record) string {
	const orAnother = "; if nobody can administer any more, run this with an ADMIN_CLIENT_ID that is not in use"
	switch {
	case there.Public || subtle.ConstantTimeCompare(there.Digest, wanted.Digest) != 1:
		return "its secret is not ADMIN_CLIENT_SECRET, and is not changed here. Rotate it with " +
			"POST /v1/clients/" + wanted.ID + "/rotate-secret and keep the secret that it answers with" + orAnother
	case there.Disabled:
		return "it is disabled. An administrator enables it with PATCH /v1/clients/" + wanted.ID + orAnother
	case !there.May(clients.GrantClient) || !there.Scopes.Has("admin"):
		return "it lacks the grant client_credentials or the scope admin. An administrator gives it both with PATCH /v1/clients/" + wanted.ID + orAnother
	default:
		return ""
	}
}
