package coherent

import (
	"context"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/epoch"
	"tandem.example/pkg/internal/sabotage"
)

// Load reads the current version from the database: one statement, sent when
// Load is called and not before. Its context is that of the reader who came
// first, with a deadline of its own.
type Load func(context.Context) (Entry, error)

// Region is where the cache is.
func (c *Cache) Region() string { return c.cfg.Region }

// Read returns the cell's value from Redis, or else from the database. It
// returns what Admit and load return, and nothing else: without Redis the
// database still answers.
func (c *Cache) Read(ctx context.Context, cell Cell, load Load) (Entry, Source, error) {
	trip := c.trip(ctx)
	var failed error
	if trip != nil {
		entry, hit, err := c.codec.get(ctx, trip, cell)
		if hit {
			return entry, c.count(items, hitOn(trip)), nil
		}
		failed = err
	}
	miss := load.as(BypassNoRedis)
	if trip != nil && failed == nil && !trip.Graced() {
		e := trip.Epoch()
		miss = func(ctx context.Context, _ bool) (Entry, Source, error) { return c.miss(ctx, e, cell, load) }
	}
	return c.onward(ctx, items, string(cell), miss)
}

// ReadAway is Read for a cell that is known to be at home in another region. It
// asks the database, with whoever else asks for the same.
func (c *Cache) ReadAway(ctx context.Context, cell Cell, load Load) (Entry, Source, error) {
	return c.onward(ctx, items, string(cell), load.as(BypassRegion))
}

// Fresh reads the database whatever the cache holds of an item, for a reader
// that asks for it.
func (c *Cache) Fresh(ctx context.Context, load Load) (Entry, Source, error) {
	return c.fresh(ctx, items, load)
}

// FreshList is Fresh for a list.
func (c *Cache) FreshList(ctx context.Context, load Load) (Entry, Source, error) {
	return c.fresh(ctx, lists, load)
}

func (c *Cache) fresh(ctx context.Context, of kind, load Load) (Entry, Source, error) {
	if err := c.cfg.Admit(ctx); err != nil {
		return Entry{}, 0, err
	}
	entry, err := load(ctx)
	if err != nil {
		return Entry{}, 0, err
	}
	return entry, c.count(of, BypassAsked), nil
}

// trip is the request's, or one of the read's own. It is nil while there is no
// Redis to go to.
func (c *Cache) trip(ctx context.Context) *epoch.Trip {
	if trip := epoch.TripFrom(ctx); trip != nil {
		return trip
	}
	trip, _ := c.cfg.Epochs.Reading() // why there is none concerns writers
	return trip
}

func hitOn(trip *epoch.Trip) Source {
	if trip.Graced() {
		return HitGraced
	}
	return Hit
}

// onward is what follows a first round trip that brought no hit.
func (c *Cache) onward(ctx context.Context, of kind, key string, miss forward) (Entry, Source, error) {
	if err := c.cfg.Admit(ctx); err != nil {
		return Entry{}, 0, err
	}
	entry, source, err := c.fly(ctx, of, key, miss)
	if err != nil {
		return Entry{}, 0, err
	}
	return entry, c.count(of, source), nil
}

// get is the hit path: one GET, in the same round trip as whatever else the
// request has on board. The trip confirms the epoch after the reply.
func (k codec) get(ctx context.Context, trip *epoch.Trip, cell Cell) (Entry, bool, error) {
	cmd := redis.NewStringCmd(ctx, "get", cell.key(trip.Epoch().Number(), "v"))
	trip.Add(cmd) // model: core.pml, GET
	if err := trip.Do(ctx); err != nil {
		return Entry{}, false, err
	}
	stored, _ := cmd.Bytes() // nothing if there is no such key; any other failure was the trip's
	entry, hit := k.decode(stored)
	return entry, hit, nil
}

func (c *Cache) miss(ctx context.Context, e *epoch.Epoch, cell Cell, load Load) (Entry, Source, error) {
	g, err := c.codec.lease(ctx, e, cell, newLease(), leaseLife.Milliseconds())
	if g.hit && e.Held() == nil {
		return g.entry, Hit, nil
	}
	if why, stop := c.hindrance(ctx, e, cell, g, err); stop {
		return load.as(why)(ctx, false)
	}
	switch {
	case g.foreign:
		return load.as(MissForeign)(ctx, false)
	case g.token == "":
		return load.as(MissLeased)(ctx, false)
	}
	// model: core.pml, LOAD
	entry, err := load(ctx) // after the lease, so a write since then voids it
	if err != nil {
		return Entry{}, 0, err
	}
	if entry.Elsewhere {
		return entry, BypassRegion, nil
	}
	sabotage.At("filling", cell)
	return entry, c.store(entry, func() (bool, error) { return c.codec.fill(ctx, e, cell, g.token, entry) }), nil
}

// hindrance tells why nothing can be filled after this answer to LEASE. A marker
// past its deadline is resolved meanwhile.
func (c *Cache) hindrance(ctx context.Context, e *epoch.Epoch, cell Cell, g grant, err error) (Source, bool) {
	if err != nil {
		return BypassNoRedis, true
	}
	switch {
	case g.overdue != "":
		c.metrics.markers.WithLabelValues("overdue").Inc()
		c.resolveBehind(ctx, e, cell, g.overdue)
	case g.marked:
		c.metrics.markers.WithLabelValues("pending").Inc()
	}
	return BypassMarked, g.marked
}

// store fills, unless the body is too large. A fill that fails costs the next
// reader a miss, and nobody anything else.
func (c *Cache) store(entry Entry, fill func() (bool, error)) Source {
	if len(entry.Body) > c.cfg.MaxBody {
		c.metrics.filled("oversize")
		return MissOversize
	}
	return c.filled(fill())
}

// as is a forward that reads the database and fills nothing.
func (load Load) as(why Source) forward {
	return func(ctx context.Context, _ bool) (Entry, Source, error) {
		entry, err := load(ctx)
		if entry.Elsewhere {
			return entry, BypassRegion, err
		}
		return entry, why, err
	}
}
