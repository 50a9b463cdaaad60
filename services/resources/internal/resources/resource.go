// Package resources owns documents: versioned JSON objects that belong to one
// tenant.
//
// It promises that every query is scoped by the caller's tenant, that a version
// grows by one per write, that a write takes effect together with the event
// that announces it, and that a read is never older than what was acknowledged.
package resources

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tandem.example/pkg/coherent"
	"tandem.example/pkg/fault"
	"tandem.example/pkg/invalidation"
)

// The faults of this package.
var (
	ErrNotFound           = fault.New(fault.NotFound, "resource_not_found", "there is no such resource")
	ErrPrecondition       = fault.New(fault.PreconditionFailed, "version_mismatch", "the resource has another version than If-Match names")
	ErrInvalid            = fault.New(fault.Unprocessable, "invalid_resource", "the resource breaks a rule")
	ErrInvalidID          = fault.New(fault.Invalid, "invalid_id", "the id is not a canonical UUID")
	ErrInvalidBatch       = fault.New(fault.Unprocessable, "invalid_batch", "the list of ids breaks a rule")
	ErrInvalidConsistency = fault.New(fault.Invalid, "invalid_consistency_token", "Consistency-Token is not a list of tokens")
	ErrInvalidCursor      = fault.New(fault.Invalid, "invalid_cursor", "the cursor was not made for this list")
)

// Codec names the form of what is cached, entries and pages. It is another one when
// that form is (docs/upgrades.md).
const Codec coherent.Codec = '1'

// Resource is one version of a document. The order of its members is their
// order on the wire.
type Resource struct {
	ID         ID             `json:"id"`
	Type       Type           `json:"type"`
	Name       Name           `json:"name"`
	Attributes jsontext.Value `json:"attributes"`
	Labels     Labels         `json:"labels"`
	Owner      string         `json:"owner"`
	Tenant     string         `json:"tenant"`
	Version    int64          `json:"version"`
	CreatedAt  time.Time      `json:"created_at"`
	UpdatedAt  time.Time      `json:"updated_at"`

	home string // the tenant's, as far as it was read with it
}

// Entry is the resource as it is cached and sent: encoded once, on the way out
// of the database.
func (r Resource) Entry() (coherent.Entry, error) {
	r.CreatedAt, r.UpdatedAt = r.CreatedAt.UTC(), r.UpdatedAt.UTC()
	body, err := json.Marshal(r, json.Deterministic(true))
	return coherent.Entry{Version: r.Version, Body: body}, err
}

// subject names the resource to those who listen for changes.
func (r Resource) subject() string {
	return invalidation.Change{Type: string(r.Type), ID: r.ID.String()}.Subject()
}

// cell names the resource in the cache of every process.
func cell(tenant string, id ID) coherent.Cell {
	return coherent.Cell("resources/" + tenant + "/" + id.String())
}

// scope names all lists of a tenant's resources of one type, or of every type if
// it is empty. Neither a type nor an id holds a slash, so no two names meet.
func scope(tenant string, of Type) coherent.Cell {
	if of == "" {
		of = "*"
	}
	return coherent.Cell("lists/" + tenant + "/" + string(of))
}

// change is a write of the resource, to be completed: each one may change what
// the lists of its type hold, and those of every type. Type and tenant never
// change, so a version of any age tells them.
func (r Resource) change() coherent.Change {
	return coherent.Change{Item: cell(r.Tenant, r.ID), Scopes: []coherent.Cell{scope(r.Tenant, r.Type), scope(r.Tenant, "")}}
}
