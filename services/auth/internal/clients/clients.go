// Package clients knows the applications that may ask for tokens.
//
// It promises that a client is who it says it is, as far as it can prove that,
// and that an unknown client, a wrong secret and a disabled client cannot be
// told apart.
package clients

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"regexp"
	"slices"

	"github.com/google/uuid"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/fault"
)

// ErrClient is the refusal of a client, for whatever reason.
var ErrClient = fault.New(fault.Unauthenticated, "invalid_client", "client authentication failed")

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

// Record is a client as it is kept. Secrets are generated with at least 128 bits
// of entropy, so a plain digest cannot be reversed by guessing and a slow one
// would only cost time at every token.
type Record struct {
	Client

	Digest   []byte // of the secret; empty for public clients
	Disabled bool
}

// Digest is what is kept of a secret.
func Digest(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// Store keeps the clients.
type Store interface {
	// Find returns ErrClient when there is no such client.
	Find(ctx context.Context, id string) (Record, error)
	Put(ctx context.Context, r Record) error
}

// Registry authenticates clients.
type Registry struct{ store Store }

// NewRegistry makes a registry.
func NewRegistry(store Store) *Registry { return &Registry{store} }

// Authenticate returns the client that id and secret prove; a public client has
// no secret and proves nothing. It returns [ErrClient] or a 503.
func (r *Registry) Authenticate(ctx context.Context, id, secret string) (Client, error) {
	if !validID(id) {
		return Client{}, ErrClient
	}
	known, err := r.store.Find(ctx, id)
	if err != nil {
		return Client{}, err
	}
	proved := subtle.ConstantTimeCompare(known.Digest, Digest(secret)) == 1
	if known.Public {
		proved = secret == ""
	}
	if known.Disabled || !proved {
		return Client{}, ErrClient
	}
	return known.Client, nil
}

// Put creates or replaces a client.
func (r *Registry) Put(ctx context.Context, record Record) error {
	if !validID(record.ID) {
		return fmt.Errorf("client id %q: must be 1 to 64 letters, digits or hyphens and no UUID", record.ID)
	}
	if record.Public != (len(record.Digest) == 0) {
		return fmt.Errorf("client %s: either public or with a secret", record.ID)
	}
	return r.store.Put(ctx, record)
}

var idForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,63}$`)

// validID keeps client ids apart from the other subjects of tokens: users' ids
// are UUIDs, Clerk's have an underscore.
func validID(id string) bool { return idForm.MatchString(id) && uuid.Validate(id) != nil }
