package coherent

import (
	"context"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"tandem.example/pkg/epoch"
)

// LoadAll reads the current versions of several cells from the database, those
// at the wanted places, in one statement that is sent when it is called and not
// before. It returns as many entries, in that order; one without Body stands for
// what is not there.
type LoadAll func(ctx context.Context, wanted []int) ([]Entry, error)

// batch is a read of several cells.
type batch struct {
	cells   []Cell
	entries []Entry  // by place, as the rest
	sources []Source // 0 until it is known
	grants  []grant
}

func newBatch(cells []Cell) *batch {
	n := len(cells)
	return &batch{cells, make([]Entry, n), make([]Source, n), make([]grant, n)}
}

// ReadAll is [Cache.Read] for several cells, each of them given once: the hits
// come in one round trip, and for all others together there is one more, a read
// of the database and one that stores what it found. It does not share the
// database read with others, but a cell that another reader is about to fill is
// left to that one. An entry without Body was not there, and has no source.
func (c *Cache) ReadAll(ctx context.Context, cells []Cell, load LoadAll) ([]Entry, []Source, error) {
	b := newBatch(cells)
	trip := c.trip(ctx)
	reached := trip != nil && c.codec.getAll(ctx, trip, b) == nil
	if len(b.wanted()) > 0 {
		if err := c.cfg.Admit(ctx); err != nil {
			return nil, nil, err
		}
	}
	reached = reached && !trip.Graced()
	if reached && len(b.wanted()) > 0 {
		c.leaseAll(ctx, trip.Epoch(), b)
	}
	if err := b.load(ctx, load); err != nil {
		return nil, nil, err
	}
	if reached {
		c.fillAll(ctx, trip.Epoch(), b)
	}
	for i, s := range b.sources {
		switch {
		case s.hit():
		case b.entries[i].Body == nil:
			b.sources[i] = 0
			continue
		case b.entries[i].Elsewhere:
			b.sources[i] = BypassRegion
		case s == 0:
			b.sources[i] = BypassNoRedis
		}
		c.count(items, b.sources[i])
	}
	return b.entries, b.sources, nil
}

// ReadAllAway is ReadAll for cells that are known to be at home in another region.
func (c *Cache) ReadAllAway(ctx context.Context, cells []Cell, load LoadAll) ([]Entry, []Source, error) {
	return c.passAll(ctx, cells, load, BypassRegion)
}

// FreshAll reads the database whatever the cache holds, for a reader that asks
// for it.
func (c *Cache) FreshAll(ctx context.Context, cells []Cell, load LoadAll) ([]Entry, []Source, error) {
	return c.passAll(ctx, cells, load, BypassAsked)
}

func (c *Cache) passAll(ctx context.Context, cells []Cell, load LoadAll, why Source) ([]Entry, []Source, error) {
	if err := c.cfg.Admit(ctx); err != nil {
		return nil, nil, err
	}
	b := newBatch(cells)
	if err := b.load(ctx, load); err != nil {
		return nil, nil, err
	}
	for i, e := range b.entries {
		if e.Body != nil {
			b.sources[i] = c.count(items, why)
		}
	}
	return b.entries, b.sources, nil
}

// wanted are the places that the database has to fill.
func (b *batch) wanted() []int {
	var places []int
	for i, s := range b.sources {
		if !s.hit() {
			places = append(places, i)
		}
	}
	return places
}

func (b *batch) load(ctx context.Context, load LoadAll) error {
	places := b.wanted()
	if len(places) == 0 {
		return nil
	}
	entries, err := load(ctx, places) // model: core.pml, LOAD
	if err != nil {
		return err
	}
	for n, i := range places {
		b.entries[i] = entries[n]
	}
	return nil
}

// getAll is the hit path: a GET for each cell, all in the round trip of whatever
// else the request has on board.
func (k codec) getAll(ctx context.Context, trip *epoch.Trip, b *batch) error {
	cmds := make([]*redis.StringCmd, len(b.cells))
	for i, cell := range b.cells {
		cmds[i] = redis.NewStringCmd(ctx, "get", cell.key(trip.Epoch().Number(), "v"))
		trip.Add(cmds[i]) // model: core.pml, GET
	}
	if err := trip.Do(ctx); err != nil {
		return err
	}
	for i, cmd := range cmds {
		stored, _ := cmd.Bytes() // nothing if there is no such key; any other failure was the trip's
		if entry, hit := k.decode(stored); hit {
			b.entries[i], b.sources[i] = entry, hitOn(trip)
		}
	}
	return nil
}

// leaseAll asks for the right to fill each cell that was no hit. What keeps one
// from it is its source.
func (c *Cache) leaseAll(ctx context.Context, e *epoch.Epoch, b *batch) {
	places := b.wanted()
	calls := make([]call, len(places))
	tokens := make([]string, len(places))
	for n, i := range places {
		tokens[n] = newLease()
		calls[n] = call{leaseScript, keys(e, b.cells[i]), []any{tokens[n], leaseLife.Milliseconds()}}
	}
	replies := answers(ctx, e, calls) // model: core.pml, LEASE
	held := e.Held() == nil
	for n, i := range places {
		reply, err := replies[n].Text()
		var g grant
		if err == nil {
			g = c.codec.granted(reply, tokens[n])
		}
		if g.hit && held {
			b.entries[i], b.sources[i] = g.entry, Hit
			continue
		}
		switch why, stop := c.hindrance(ctx, e, b.cells[i], g, err); {
		case stop:
			b.sources[i] = why
		case g.foreign:
			b.sources[i] = MissForeign
		case g.token == "":
			b.sources[i] = MissLeased
		default:
			b.sources[i], b.grants[i] = Miss, g
		}
	}
}

// fillAll stores what was read under a lease.
func (c *Cache) fillAll(ctx context.Context, e *epoch.Epoch, b *batch) {
	var places []int
	var calls []call
	for i, g := range b.grants {
		switch {
		case g.token == "" || b.entries[i].Body == nil || b.entries[i].Elsewhere:
		case len(b.entries[i].Body) > c.cfg.MaxBody:
			c.metrics.filled("oversize")
			b.sources[i] = MissOversize
		default:
			at := keys(e, b.cells[i])
			places = append(places, i)
			calls = append(calls, call{fillScript, append(at, at[0]), []any{g.token, c.codec.encode(b.entries[i]), lifetime(b.entries[i].Life)}})
		}
	}
	for n, reply := range answers(ctx, e, calls) { // model: core.pml, FILL
		stored, err := reply.Int()
		b.sources[places[n]] = c.filled(stored == 1, err)
	}
}

// filled says what became of what was to be stored.
func (c *Cache) filled(stored bool, err error) Source {
	switch {
	case err != nil:
		c.metrics.filled("failed")
		c.cfg.Log.Debug("fill failed", zap.Error(err))
		return MissUnfilled
	case !stored:
		c.metrics.filled("refused")
		return MissUnfilled
	}
	c.metrics.filled("stored")
	return Miss
}
