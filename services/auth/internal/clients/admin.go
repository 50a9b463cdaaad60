package clients

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"tandem.example/pkg/env"
	"tandem.example/pkg/fault"
	"tandem.example/services/auth/internal/audit"
)

// The refusals of the administration.
var (
	ErrUnknown  = fault.New(fault.NotFound, "client_not_found", "there is no such client")
	ErrTaken    = fault.New(fault.Conflict, "client_exists", "another client has this client_id")
	ErrNoSecret = fault.New(fault.Conflict, "client_has_no_secret", "a public client has no secret")
)

// Edit changes a record within a transaction, and may add to the event that
// tells of it. It may be called again on a fresh copy.
type Edit func(r *Record, e *audit.Event) error

// Book is where the administration keeps clients: each change together with the
// event that tells of it.
type Book interface {
	Find(ctx context.Context, id string) (Record, error)
	// Create returns ErrTaken.
	Create(ctx context.Context, r Record, e audit.Event) (Record, error)
	// Change returns ErrClient, or what edit returned.
	Change(ctx context.Context, id string, e audit.Event, edit Edit) (Record, error)
	// ChangeAndEnd is Change that ends the client's sessions with it.
	ChangeAndEnd(ctx context.Context, id string, e audit.Event, edit Edit) (Record, error)
	// End ends the client's sessions.
	End(ctx context.Context, id string) error
	// List returns the clients after one, in order.
	List(ctx context.Context, after string, limit int) ([]Record, error)
}

// Admin changes clients. What it has acknowledged holds at every instance.
type Admin struct {
	book   Book
	rules  Rules
	leases *leases
}

// NewAdmin makes an administration.
func NewAdmin(book Book, rules Rules, registry *Registry) *Admin {
	return &Admin{book, rules, registry.leases}
}

// Create makes a client, with a name of its own unless it has one, and the secret
// of a confidential one, which is never shown again. It returns [ErrSettings],
// [ErrTaken] or a 503.
func (a *Admin) Create(ctx context.Context, actor string, c Client) (Record, env.Secret, error) {
	r := Record{Client: c}
	if r.ID == "" {
		r.ID = strings.ToLower(rand.Text())
	}
	if err := a.rules.check(&r); err != nil {
		return Record{}, "", err
	}
	var secret env.Secret
	if !r.Public {
		secret = newSecret()
		r.Digest = Digest(secret.Reveal())
	}
	// Nobody holds a lease on a client that is not there, so there is nothing to
	// wait for.
	r, err := a.book.Create(ctx, r, event(ctx, audit.ClientCreate, actor, r.ID))
	return r, secret, err
}

// Change applies a change to a client. It returns [ErrUnknown], [ErrSettings], or
// a 503 after which a repetition finishes what was begun.
func (a *Admin) Change(ctx context.Context, actor, id string, change func(*Record)) (Record, error) {
	return a.change(ctx, a.book.Change, audit.ClientUpdate, actor, id, a.edit(change))
}

// Disable is Change for one that disables the client: its sessions end with it.
func (a *Admin) Disable(ctx context.Context, actor, id string, change func(*Record)) (Record, error) {
	r, err := a.change(ctx, a.book.ChangeAndEnd, audit.ClientUpdate, actor, id, a.edit(change))
	if err != nil {
		return Record{}, err
	}
	// Until its lease ran out, an instance may have let the client begin another.
	return r, a.book.End(ctx, id)
}

func (a *Admin) edit(change func(*Record)) Edit {
	return func(r *Record, e *audit.Event) error {
		before := *r
		change(r)
		e.Detail = differences(&before, r)
		return a.rules.check(r)
	}
}

// Rotate gives a confidential client a new secret. The one before works on for
// the overlap, the one before that no more. It returns [ErrUnknown],
// [ErrNoSecret] or a 503.
func (a *Admin) Rotate(ctx context.Context, actor, id string, overlap time.Duration) (Record, env.Secret, error) {
	secret := newSecret()
	r, err := a.change(ctx, a.book.Change, audit.ClientSecret, actor, id, func(r *Record, e *audit.Event) error {
		if r.Public {
			return ErrNoSecret
		}
		r.Previous, r.Overlap, r.Digest = r.Digest, overlap, Digest(secret.Reveal())
		if overlap <= 0 {
			r.Previous = nil
		}
		e.Detail = map[string]string{"overlap": overlap.String()}
		return nil
	})
	return r, secret, err
}

// Find returns [ErrUnknown] when there is no such client.
func (a *Admin) Find(ctx context.Context, id string) (Record, error) {
	if !ValidID(id) {
		return Record{}, ErrUnknown
	}
	r, err := a.book.Find(ctx, id)
	return r, unknown(err)
}

// List gives the clients after one, in the order of their ids.
func (a *Admin) List(ctx context.Context, after string, limit int) ([]Record, error) {
	return a.book.List(ctx, after, limit)
}

// change returns when every instance knows of the change.
func (a *Admin) change(
	ctx context.Context, write func(context.Context, string, audit.Event, Edit) (Record, error),
	what audit.Type, actor, id string, edit Edit,
) (Record, error) {
	if !ValidID(id) {
		return Record{}, ErrUnknown
	}
	r, err := write(ctx, id, event(ctx, what, actor, id), edit)
	if err != nil {
		return Record{}, unknown(err)
	}
	return r, a.leases.outlive(ctx)
}

// unknown words for an administrator what a client is not told.
func unknown(err error) error {
	if errors.Is(err, ErrClient) {
		return ErrUnknown
	}
	return err
}

func event(ctx context.Context, what audit.Type, actor, id string) audit.Event {
	return audit.New(ctx, audit.Event{Type: what, Actor: actor, ClientID: id})
}

// differences names what an edit changed, and what is allowed now. A name is
// free text, so it is not repeated.
func differences(before, after *Record) map[string]string {
	detail := map[string]string{}
	note := func(name string, same bool, now string) {
		if !same {
			detail[name] = now
		}
	}
	note("name", before.Name == after.Name, "changed")
	note("grants", slices.Equal(before.Grants, after.Grants), strings.Join(after.Grants, " "))
	note("scopes", before.Scopes == after.Scopes, string(after.Scopes))
	note("audiences", slices.Equal(before.Audiences, after.Audiences), strings.Join(after.Audiences, " "))
	note("first_party", before.FirstParty == after.FirstParty, strconv.FormatBool(after.FirstParty))
	note("disabled", before.Disabled == after.Disabled, strconv.FormatBool(after.Disabled))
	return detail
}
