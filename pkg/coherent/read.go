package coherent

import (
	"context"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"tandem.example/pkg/epoch"
)

// Load reads the current version from the database: one statement, sent when
// Load is called and not before.
type Load func(context.Context) (Entry, error)

// Read returns the cell's value from Redis, or else from the database. It
// returns what Admit and load return, and nothing else: without Redis the
// database still answers.
func (c *Cache) Read(ctx context.Context, cell Cell, load Load) (Entry, Source, error) {
	trip := c.trip(ctx)
	var got error
	if trip != nil {
		entry, hit, err := get(ctx, trip, cell)
		if hit {
			return entry, c.count(items, Hit), nil
		}
		got = err
	}
	if err := c.cfg.Admit(ctx); err != nil {
		return Entry{}, 0, err
	}
	if trip == nil || got != nil {
		return c.bypass(ctx, items, BypassNoRedis, load)
	}
	return c.miss(ctx, trip.Epoch(), cell, load)
}

// trip is the request's, or one of the read's own. It is nil while there is no
// Redis to go to.
func (c *Cache) trip(ctx context.Context) *epoch.Trip {
	if trip := epoch.TripFrom(ctx); trip != nil {
		return trip
	}
	if e, err := c.cfg.Epochs.Current(); err == nil {
		return e.Trip()
	}
	return nil
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
	return c.bypass(ctx, of, BypassAsked, load)
}

// get is the hit path: one GET, in the same round trip as whatever else the
// request has on board. The trip confirms the epoch after the reply.
func get(ctx context.Context, trip *epoch.Trip, cell Cell) (Entry, bool, error) {
	cmd := redis.NewStringCmd(ctx, "get", cell.key(trip.Epoch().Number(), "v"))
	trip.Add(cmd)
	if err := trip.Do(ctx); err != nil {
		return Entry{}, false, err
	}
	stored, _ := cmd.Bytes() // nothing if there is no such key; any other failure was the trip's
	entry, hit := decode(stored)
	return entry, hit, nil
}

func (c *Cache) miss(ctx context.Context, e *epoch.Epoch, cell Cell, load Load) (Entry, Source, error) {
	g, err := lease(ctx, e, cell, newLease(), leaseLife.Milliseconds())
	if g.hit && e.Held() == nil {
		return g.entry, c.count(items, Hit), nil
	}
	if why, stop := c.hindrance(ctx, e, cell, g, err); stop {
		return c.bypass(ctx, items, why, load)
	}
	if g.token == "" {
		return c.bypass(ctx, items, MissLeased, load)
	}
	entry, err := load(ctx) // after the lease, so a write since then voids it
	if err != nil {
		return Entry{}, 0, err
	}
	filled, err := fill(ctx, e, cell, g.token, entry)
	return entry, c.count(items, c.filled(filled, err)), nil
}

// hindrance tells why nothing can be filled after this answer to LEASE. A marker
// past its deadline is resolved meanwhile.
func (c *Cache) hindrance(ctx context.Context, e *epoch.Epoch, cell Cell, g grant, err error) (Source, bool) {
	if err != nil {
		return BypassNoRedis, true
	}
	if g.overdue != "" {
		c.resolveBehind(ctx, e, cell, g.overdue)
	}
	return BypassMarked, g.marked
}

func (c *Cache) filled(stored bool, err error) Source {
	if err != nil {
		c.cfg.Log.Debug("fill failed", zap.Error(err))
	}
	if !stored {
		return MissUnfilled
	}
	return Miss
}

func (c *Cache) bypass(ctx context.Context, of kind, why Source, load Load) (Entry, Source, error) {
	entry, err := load(ctx)
	if err != nil {
		return Entry{}, 0, err
	}
	return entry, c.count(of, why), nil
}

// resolveBehind settles an overdue marker, once at a time. The read that met it
// does not wait, and leaves it to a later one if there is no room.
func (c *Cache) resolveBehind(ctx context.Context, e *epoch.Epoch, cell Cell, token string) {
	id, err := uuid.Parse(token)
	if err != nil {
		c.cfg.Log.Error("marker with a malformed token", zap.String("cell", string(cell)))
		return
	}
	marker := token + string(cell)
	if _, busy := c.resolving.LoadOrStore(marker, struct{}{}); busy {
		return
	}
	begun := c.goBehind(ctx, resolveFor, func(ctx context.Context) {
		defer c.resolving.Delete(marker)
		c.resolve(ctx, e, cell, id)
	})
	if !begun {
		c.resolving.Delete(marker)
	}
}

func (c *Cache) resolve(ctx context.Context, e *epoch.Epoch, cell Cell, id uuid.UUID) {
	outcome, err := c.cfg.Arbiter.Decide(ctx, id)
	if err == nil {
		err = unmark(ctx, e, []Cell{cell}, id.String(), "", Entry{Version: outcome.Version})
	}
	c.metrics.resolved(outcome, err)
	if err != nil {
		c.cfg.Log.Warn("marker not resolved", zap.Stringer("operation", id), zap.Error(err))
	}
}
