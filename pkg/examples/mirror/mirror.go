// Package mirror is an example of another service: it keeps resources that it has
// read in a map of its own, and events keep that map right.
//
// It promises that once a change has been heard, nothing older is answered, that
// nothing is answered from the map while the stream is not being followed, and that
// the map is empty after events may have been missed. Until a change is heard, which
// takes milliseconds, the version before it may be answered: whoever cannot have
// that reads from the service that owns the resource.
package mirror

import (
	"context"
	"errors"
	"math"
	"sync"

	"github.com/nats-io/nats.go"

	"tandem.example/pkg/invalidation"
)

// ErrNotFound is a source's answer about a document that is not there.
var ErrNotFound = errors.New("there is no such document")

// Document is one version of a resource. Body must not be modified.
type Document struct {
	Version int64
	Body    []byte
}

// Source is the service that owns the documents.
type Source interface {
	// Read returns the current version, or [ErrNotFound], also for a document whose
	// changes are not heard, or not by this id: the map would keep it for ever.
	Read(ctx context.Context, id string) (Document, error)
}

// Map is safe for concurrent use.
type Map struct {
	source Source
	limit  int

	mu        sync.Mutex // guards all below
	following func() error
	documents map[string]Document
	reads     map[string]*read
}

// read is what readers at the source share: the newest version that they must not
// fall behind if the map is to keep what they find. Who comes after a flush is of
// another one, or a document that is always being read would never be kept again.
type read struct {
	readers int
	newest  int64
}

// New makes a map of up to limit documents. It answers from the source until
// [Map.Follow] is called.
func New(source Source, limit int) *Map {
	return &Map{
		source: source, limit: limit, following: func() error { return invalidation.ErrNotFollowing },
		documents: map[string]Document{}, reads: map[string]*read{},
	}
}

// Follow begins to listen for the changes of a type. Each process needs a name of
// its own. The caller stops the subscription.
func (m *Map) Follow(ctx context.Context, nc *nats.Conn, name, documentType string, report func(error)) (*invalidation.Subscription, error) {
	s, err := invalidation.Subscribe(ctx, nc, invalidation.Options{
		Durable: name, Types: []string{documentType}, Flush: m.flush, Report: report,
	}, m.heard)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.following = s.Err
	return s, nil
}

// Get answers from the map, or else from the source, and tells which. It returns
// what the source returns.
func (m *Map) Get(ctx context.Context, id string) (doc Document, hit bool, err error) {
	doc, under := m.begin(id)
	if under == nil {
		return doc, true, nil
	}
	doc, err = m.source.Read(ctx, id)
	m.end(id, under, doc, err == nil)
	return doc, false, err
}

// begin finds a document, or notes that it is being read.
func (m *Map) begin(id string) (Document, *read) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if doc, ok := m.documents[id]; ok && m.following() == nil {
		return doc, nil
	}
	r := m.reads[id]
	if r == nil {
		r = &read{}
		m.reads[id] = r
	}
	r.readers++
	return Document{}, r
}

// end keeps what was read, unless something newer was heard of since it began.
func (m *Map) end(id string, r *read, doc Document, found bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.readers--; r.readers == 0 && m.reads[id] == r {
		delete(m.reads, id)
	}
	if !found || doc.Version < r.newest || doc.Version < m.documents[id].Version {
		return
	}
	for other := range m.documents { // any one makes room
		if len(m.documents) < m.limit {
			break
		}
		delete(m.documents, other)
	}
	m.documents[id] = doc
}

// heard drops what is older than a change.
func (m *Map) heard(_ context.Context, e invalidation.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	id, version := e.Change.ID, e.Change.Version
	if m.documents[id].Version < version {
		delete(m.documents, id)
	}
	if r := m.reads[id]; r != nil {
		r.newest = max(r.newest, version)
	}
	return nil
}

// flush drops everything, and whatever is being read as well.
func (m *Map) flush(context.Context, invalidation.Gap) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.documents)
	for _, r := range m.reads {
		r.newest = math.MaxInt64
	}
	clear(m.reads)
	return nil
}
