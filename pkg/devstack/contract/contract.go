// Package contract holds a running service to its OpenAPI document.
//
// It promises that every answer which passes through [Contract.Watch] is
// compared with the document (operation, status, header fields, body, problem
// code), and that [Contract.Unseen] then names everything in the document that
// no answer has shown. So neither can say something that the other does not.
package contract

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/getkin/kin-openapi/openapi3"
)

// The document describes what is true of every path at two places of its own:
// component responses of these names say what a request without an operation
// gets, and component headers marked with everywhere may be in any answer.
const (
	routeNotFound    = "RouteNotFound"
	methodNotAllowed = "MethodNotAllowed"
	everywhere       = "x-everywhere"
)

// Contract is a document and what was seen of it. It is safe for concurrent use.
type Contract struct {
	doc  *openapi3.T
	want map[string]bool

	partial atomic.Bool // some test could not run here

	mu   sync.Mutex // guards seen
	seen map[string]bool
}

// New reads an OpenAPI 3.1 document, as JSON or YAML, and refuses one that is
// not well-formed or lists no codes for an error.
func New(document []byte) (*Contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		return nil, fmt.Errorf("read OpenAPI document: %w", err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("validate OpenAPI document: %w", err)
	}
	c := &Contract{doc: doc, seen: map[string]bool{}}
	c.want, err = inventory(doc)
	return c, err
}

// Unseen lists what the document says and no answer has shown.
func (c *Contract) Unseen() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	missing := maps.Clone(c.want)
	for fact := range c.seen {
		delete(missing, fact)
	}
	return slices.Sorted(maps.Keys(missing))
}

func (c *Contract) saw(facts ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range facts {
		c.seen[f] = true
	}
}
