package resources

import (
	"context"
	"errors"
	"slices"
	"time"

	"tandem.example/pkg/coherent"
	"tandem.example/services/resources/internal/idempotency"
)

// Store is what the registry needs of the database. Each method is one
// statement.
type Store interface {
	Reader
	Homes
	// The writes take effect together with their operation row, and only in the
	// operation's epoch. They return errNothing if there was nothing to change,
	// and otherwise the resource as it is now.
	Insert(ctx context.Context, op Operation, r Resource) (Resource, error)
	Update(ctx context.Context, op Operation, r Resource, versions []int64) (Resource, error)
	Delete(ctx context.Context, op Operation, r Resource, versions []int64) (Resource, error)
	// WrittenAt is when an operation took effect.
	WrittenAt(ctx context.Context, op coherent.Operation) (time.Time, error)
}

// Reader is the half of Store that changes nothing.
type Reader interface {
	// Get returns [ErrNotFound] for another tenant's id, too.
	Get(ctx context.Context, tenant string, id ID) (Resource, error)
	// GetAll returns those that there are, in any order.
	GetAll(ctx context.Context, tenant string, ids []ID) ([]Resource, error)
	List(ctx context.Context, q Query) ([]Resource, error)
}

// Operation is one attempt at what a request asks for.
type Operation struct {
	coherent.Operation

	Once   idempotency.Request
	Source string // region/service that writes, which need not be the region of the cells
}

var errNothing = errors.New("no row was changed")

// Actor is on whose behalf something is done.
type Actor struct{ Tenant, Subject string }

// Announcer publishes changes that were committed. It finds them by itself; a
// nudge makes it look at once.
type Announcer interface{ Nudge(subject string) }

// Registry is the capability. It is safe for concurrent use.
type Registry struct {
	cache  *coherent.Cache
	store  Store
	events Announcer
	once   *idempotency.Once
	homes  *homes
}

// NewRegistry makes a registry.
func NewRegistry(cache *coherent.Cache, store Store, events Announcer, once *idempotency.Once) *Registry {
	return &Registry{cache, store, events, once, newHomes(cache.Region(), store)}
}

// Get reads one resource, at least in that version, from the cache unless fresh is
// asked for. It returns [ErrNotFound].
func (g *Registry) Get(ctx context.Context, tenant string, id ID, atLeast int64, fresh bool) (coherent.Entry, coherent.Source, error) {
	load := func(ctx context.Context) (coherent.Entry, error) {
		r, err := g.store.Get(ctx, tenant, id)
		if err != nil {
			return coherent.Entry{}, err
		}
		return g.homes.entry(r)
	}
	switch {
	case fresh:
		return g.cache.Fresh(ctx, load)
	case g.homes.away(tenant):
		return g.cache.ReadBounded(ctx, cell(tenant, id), atLeast, load)
	default:
		return g.cache.Read(ctx, cell(tenant, id), load)
	}
}

// Create makes a resource under a new id. It returns [ErrInvalid].
func (g *Registry) Create(ctx context.Context, by Actor, d Draft, once idempotency.Request) (Written, error) {
	kind, c, err := d.parse("")
	if err != nil {
		return Written{}, err
	}
	r := c.onto(Resource{ID: NewID(), Type: kind, Owner: by.Subject, Tenant: by.Tenant, Version: 1})
	change := r.change()
	change.Item = "" // the id was made just now
	change.Run = func(ctx context.Context, op coherent.Operation) (coherent.Entry, error) {
		made, err := g.store.Insert(ctx, g.operation(op, once), r)
		if errors.Is(err, errNothing) {
			return coherent.Entry{}, coherent.ErrAgain
		}
		return g.wrote(made, g.once.Clash(ctx, once, err))
	}
	change.Recall = func(ctx context.Context, op coherent.Operation, version int64) (coherent.Entry, error) {
		return g.recall(ctx, op, version, r)
	}
	return g.do(ctx, once, func(ctx context.Context) (Written, error) {
		entry, err := g.write(ctx, r, change)
		return Written{ID: r.ID, Entry: entry}, err
	})
}

func (g *Registry) operation(op coherent.Operation, once idempotency.Request) Operation {
	return Operation{op, once, g.homes.own + "/resources"}
}

// write carries a change of r out, in the Redis of its tenant's home.
func (g *Registry) write(ctx context.Context, r Resource, change coherent.Change) (entry coherent.Entry, err error) {
	g.homes.learn(r.Tenant, r.home)
	if change.Home, err = g.homes.claim(ctx, r.Tenant); err != nil {
		return coherent.Entry{}, err
	}
	return g.cache.Write(ctx, change)
}

// Replace puts a new content in the place of the old. It returns [ErrNotFound],
// [ErrInvalid] and [ErrPrecondition].
func (g *Registry) Replace(ctx context.Context, by Actor, id ID, d Draft, m Match, once idempotency.Request) (Written, error) {
	return g.edit(ctx, by, id, m, once, func(now Resource) (Resource, Match, error) {
		_, c, err := d.parse(now.Type)
		return c.onto(now), m, err
	})
}

// Patch merges a patch into the content. It returns what Replace returns.
func (g *Registry) Patch(ctx context.Context, by Actor, id ID, p Patch, m Match, once idempotency.Request) (Written, error) {
	return g.edit(ctx, by, id, m, once, func(now Resource) (Resource, Match, error) {
		d, err := p.apply(now)
		if err != nil {
			return now, m, err
		}
		_, c, err := d.parse(now.Type)
		return c.onto(now), Match{now.Version}, err // what was merged into must still be there
	})
}

// edit reads, lets next make the new content of what was read, and writes that
// if the version still satisfies the Match it returned. Type, tenant and owner
// never change, so an old reading of those is good enough.
func (g *Registry) edit(
	ctx context.Context, by Actor, id ID, m Match, once idempotency.Request, next func(Resource) (Resource, Match, error),
) (Written, error) {
	prepare := func(ctx context.Context) (Resource, Match, error) {
		now, err := g.store.Get(ctx, by.Tenant, id)
		if err != nil {
			return Resource{}, nil, err
		}
		if !m.Allows(now.Version) {
			return Resource{}, nil, ErrPrecondition
		}
		return next(now)
	}
	return g.do(ctx, once, func(ctx context.Context) (Written, error) {
		// Once before anything is marked, so that a bad request costs no marker.
		r, need, err := prepare(ctx)
		if err != nil {
			return Written{}, err
		}
		prepared, change := true, r.change()
		change.Run = func(ctx context.Context, op coherent.Operation) (coherent.Entry, error) {
			if !prepared {
				if r, need, err = prepare(ctx); err != nil {
					return coherent.Entry{}, err
				}
			}
			prepared = false
			done, err := g.store.Update(ctx, g.operation(op, once), r, need)
			if errors.Is(err, errNothing) {
				return coherent.Entry{}, g.whyNothing(ctx, by.Tenant, id, m)
			}
			return g.wrote(done, g.once.Clash(ctx, once, err))
		}
		change.Recall = func(ctx context.Context, op coherent.Operation, version int64) (coherent.Entry, error) {
			return g.recall(ctx, op, version, r)
		}
		entry, err := g.write(ctx, r, change)
		return Written{ID: id, Entry: entry}, err
	})
}

// Delete removes a resource. It returns [ErrNotFound] and [ErrPrecondition].
func (g *Registry) Delete(ctx context.Context, by Actor, id ID, m Match, once idempotency.Request) (Written, error) {
	return g.do(ctx, once, func(ctx context.Context) (Written, error) {
		r, err := g.store.Get(ctx, by.Tenant, id)
		if err != nil {
			return Written{}, err
		}
		if !m.Allows(r.Version) {
			return Written{}, ErrPrecondition
		}
		change := r.change()
		change.Run = func(ctx context.Context, op coherent.Operation) (coherent.Entry, error) {
			gone, err := g.store.Delete(ctx, g.operation(op, once), r, m)
			if errors.Is(err, errNothing) {
				return coherent.Entry{}, g.whyNothing(ctx, by.Tenant, id, m)
			}
			entry, err := g.wrote(gone, g.once.Clash(ctx, once, err))
			entry.Body = nil // nothing is left to be read
			return entry, err
		}
		change.Recall = func(_ context.Context, _ coherent.Operation, version int64) (coherent.Entry, error) {
			return coherent.Entry{Version: version}, nil
		}
		entry, err := g.write(ctx, r, change)
		return Written{ID: id, Entry: entry}, err
	})
}

// wrote is what follows a statement that took effect.
func (g *Registry) wrote(r Resource, err error) (coherent.Entry, error) {
	if err != nil {
		return coherent.Entry{}, err
	}
	g.events.Nudge(r.subject())
	return r.Entry()
}

// whyNothing says why a statement found no row to change.
func (g *Registry) whyNothing(ctx context.Context, tenant string, id ID, m Match) error {
	now, err := g.store.Get(ctx, tenant, id)
	switch {
	case err != nil:
		return err
	case !m.Allows(now.Version):
		return ErrPrecondition
	default:
		return coherent.ErrAgain
	}
}

// Match is the versions a client accepts to change; nil is any.
type Match []int64

// Allows tells whether a version is among them.
func (m Match) Allows(version int64) bool { return m == nil || slices.Contains(m, version) }

// onto gives r with this content.
func (c content) onto(r Resource) Resource {
	r.Name, r.Attributes, r.Labels = c.name, c.attributes, c.labels
	return r
}
