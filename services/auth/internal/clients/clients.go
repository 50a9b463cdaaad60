// Package clients knows the applications that may ask for tokens.
//
// It promises that a client is who it says it is, as far as it can prove that;
// that an unknown client, a wrong secret and a disabled client cannot be told
// apart; and that once a change to a client has been acknowledged, no instance
// acts on what was there before, although each keeps clients in memory.
package clients

import (
	"context"
	"crypto/subtle"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/google/uuid"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/fault"
)

// ErrClient is the refusal of a client, for whatever reason.
var ErrClient = fault.New(fault.Unauthenticated, "invalid_client", "client authentication failed")

// Why it was refused, which the log says and the caller is not told.
var (
	errSecret   = fault.New(fault.Unauthenticated, "client_secret", "the secret is not the client's")
	errDisabled = fault.New(fault.Unauthenticated, "client_disabled", "the client is disabled")
)

// Client is an application and what it is allowed to ask for.
type Client struct {
	ID         string
	Name       string
	Grants     []string
	Scopes     bearer.Scopes
	Audiences  []string // beside the default one
	Public     bool     // cannot keep a secret
	FirstParty bool     // may handle its users' passwords
}

// May tells whether the client is allowed a grant.
func (c *Client) May(grant string) bool { return slices.Contains(c.Grants, grant) }

// Record is a client as it is kept.
type Record struct {
	Client

	Digest   []byte // of the secret; empty for public clients
	Previous []byte // of the secret before it
	// Overlap is how long, from the moment the record was asked for, the
	// previous secret still works. It is the database's reckoning, so the clocks
	// of instances do not matter.
	Overlap  time.Duration
	Disabled bool
	Created  time.Time
	Updated  time.Time
	read     time.Time // the database's clock when it was asked for
}

// until is when the previous secret ends; zero if there is none.
func (r *Record) until() time.Time {
	if len(r.Previous) == 0 || r.Overlap <= 0 {
		return time.Time{}
	}
	return r.read.Add(r.Overlap)
}

// proves tells whether the secret is the client's. Spent is how long ago the
// record was asked for.
func (r *Record) proves(secret string, spent time.Duration) bool {
	if r.Public {
		return secret == ""
	}
	digest := Digest(secret)
	current := subtle.ConstantTimeCompare(r.Digest, digest) == 1
	previous := subtle.ConstantTimeCompare(r.Previous, digest) == 1
	return current || previous && spent < r.Overlap
}

// Store keeps the clients.
type Store interface {
	// Find returns ErrClient when there is no such client.
	Find(ctx context.Context, id string) (Record, error)
	Put(ctx context.Context, r Record) error
}

// Registry authenticates clients. It is safe for concurrent use.
type Registry struct {
	store  Store
	leases *leases
}

// NewRegistry makes a registry.
func NewRegistry(store Store) *Registry {
	find := func(ctx context.Context, id string) (Record, error) {
		if !ValidID(id) {
			return Record{}, ErrClient
		}
		return store.Find(ctx, id)
	}
	return &Registry{store, newLeases(find)}
}

// Authenticate returns the client that id and secret prove; a public client has
// no secret and proves nothing. It returns [ErrClient], with the id of a client
// that is known, or a 503.
func (r *Registry) Authenticate(ctx context.Context, id, secret string) (Client, error) {
	known, spent, err := r.leases.find(ctx, id)
	if err != nil {
		return Client{}, err
	}
	switch {
	case !known.proves(secret, spent):
		return Client{ID: known.ID}, ErrClient.Because(errSecret)
	case known.Disabled:
		return Client{ID: known.ID}, ErrClient.Because(errDisabled)
	default:
		return known.Client, nil
	}
}

// Put creates or replaces a client, for those who set up an installation: other
// instances hear of it only when their leases run out.
func (r *Registry) Put(ctx context.Context, record Record) error {
	if !ValidID(record.ID) {
		return fmt.Errorf("client id %q: must be 1 to 64 letters, digits or hyphens and no UUID", record.ID)
	}
	if record.Public != (len(record.Digest) == 0) {
		return fmt.Errorf("client %s: either public or with a secret", record.ID)
	}
	return r.store.Put(ctx, record)
}

var idForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,63}$`)

// ValidID keeps client ids apart from the other subjects of tokens: users' ids
// are UUIDs, Clerk's have an underscore.
func ValidID(id string) bool { return idForm.MatchString(id) && uuid.Validate(id) != nil }
