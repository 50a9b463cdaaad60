package coherent

import (
	"context"
	"math"
	"strconv"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/epoch"
)

// A cell that is at home in another region can be cached here as well, under a
// name of its own. No writer marks it: what keeps it from being old is news alone
// (see [Cache.Drop]), so it is as old as news are late, and it is read only while
// [Config].Current says that they are not too late.
//
// Which of what is stored a process may read depends on since when it has heard
// all news. Each value has the number that the region's counter of such beginnings
// had before the value was read from the database; a process raises the counter
// when it begins to hear, and reads nothing with a lower number.

// The counter has no lifetime: with a second life it would vouch for what was
// stored in the first.
const (
	beginnings = Cell("away")
	stampSize  = headerSize - 2 // written as versions are
)

func (c Cell) away() Cell { return beginnings + "/" + c }

// horizon is from where on a process has heard all news.
type horizon struct{ epoch, number int64 }

// Begin is called when what news there were before is not known: it makes this
// process read nothing of what is cached of other regions' cells until now. It
// returns what [Cache.Drop] returns, and is then to be called again.
func (c *Cache) Begin(ctx context.Context) error {
	e, err := c.cfg.Epochs.Current()
	if err != nil {
		return err
	}
	number, err := e.Redis().Incr(ctx, beginnings.key(e.Number(), "n")).Result()
	if err != nil {
		return epoch.Unavailable(err)
	}
	if err := e.Held(); err != nil {
		return err
	}
	c.horizon.Store(&horizon{e.Number(), number})
	return nil
}

// sees tells whether this process has heard all news since a value was read. In an
// epoch that is younger than its beginning it has heard all there were.
func (c *Cache) sees(e *epoch.Epoch, stamp int64) bool {
	h := c.horizon.Load()
	return h != nil && (e.Number() > h.epoch || e.Number() == h.epoch && stamp >= h.number)
}

// ReadBounded reads a cell that is at home in another region, from here if the news
// of the last while have been heard, and if it has at least that version. What it
// returns from here is no older than what was acknowledged before that while; apart
// from that it does what [Cache.ReadAway] does, as it does where there is no Current.
func (c *Cache) ReadBounded(ctx context.Context, cell Cell, atLeast int64, load Load) (Entry, Source, error) {
	if c.cfg.Current == nil {
		return c.ReadAway(ctx, cell, load)
	}
	cell = cell.away()
	why := BypassNoRedis
	trip := c.trip(ctx)
	if trip != nil && !c.cfg.Current() {
		trip, why = nil, BypassLag
	}
	if trip == nil {
		return c.onward(ctx, items, string(cell), load.past(why))
	}
	found, err := c.lookAway(ctx, trip, cell)
	switch {
	case err != nil:
	case found.hit && !c.cfg.Current(): // it has become too late meanwhile
		why = BypassLag
	case found.hit && found.entry.Version < atLeast:
		why = BypassToken
	case found.hit:
		return found.entry, c.count(items, HitBounded), nil
	case !trip.Graced():
		e := trip.Epoch()
		return c.onward(ctx, items, string(cell), func(ctx context.Context, late bool) (Entry, Source, error) {
			if late { // the number may be another by now, and it must be older than the read
				return load.past(MissLeased)(ctx, late)
			}
			return c.missAway(ctx, e, cell, found, load)
		})
	}
	return c.onward(ctx, items, string(cell), load.past(why))
}

// away is what one round trip told of such a cell.
type away struct {
	entry Entry
	hit   bool
	old   bool  // there is a value, which this process may not read
	stamp int64 // of what is read from now on
}

func (c *Cache) lookAway(ctx context.Context, trip *epoch.Trip, cell Cell) (away, error) {
	number := trip.Epoch().Number()
	value := redis.NewStringCmd(ctx, "get", cell.key(number, "v"))
	counter := redis.NewStringCmd(ctx, "get", beginnings.key(number, "n"))
	trip.Add(value)
	trip.Add(counter)
	if err := trip.Do(ctx); err != nil {
		return away{}, err
	}
	var found away
	found.stamp, _ = counter.Int64() // 0 if nobody has begun in this epoch
	stored, _ := value.Bytes()       // nothing if there is no such key
	entry, ok := c.codec.decode(stored)
	if !ok || len(entry.Body) < stampSize {
		return found, nil
	}
	stamp, err := strconv.ParseInt(string(entry.Body[:stampSize]), 10, 64)
	entry.Body = entry.Body[stampSize:]
	found.entry, found.hit = entry, err == nil && c.sees(trip.Epoch(), stamp)
	found.old = !found.hit
	return found, nil
}

// missAway reads the database under a lease, which news void. A value that is of no
// use to this process makes room.
func (c *Cache) missAway(ctx context.Context, e *epoch.Epoch, cell Cell, found away, load Load) (Entry, Source, error) {
	if found.old {
		_ = each(ctx, e, []call{dropping(e, cell, "", math.MaxInt64)}) // if it stays, it is in the way of the lease
	}
	g, err := c.codec.lease(ctx, e, cell, newLease(), leaseLife.Milliseconds())
	switch {
	case err != nil:
		return load.past(BypassNoRedis)(ctx, false)
	case g.token == "":
		return load.past(MissLeased)(ctx, false)
	}
	entry, err := load(ctx) // after the number was read and the lease taken
	if err != nil {
		return Entry{}, 0, err
	}
	return entry, c.store(entry, func() (bool, error) {
		stamped := entry
		stamped.Body = append([]byte(encodeVersion(found.stamp)), entry.Body...)
		return c.codec.fill(ctx, e, cell, g.token, stamped)
	}), nil
}

// past is a forward that reads the database and fills nothing, for a cell of
// another region.
func (load Load) past(why Source) forward {
	return func(ctx context.Context, _ bool) (Entry, Source, error) {
		entry, err := load(ctx)
		return entry, why, err
	}
}
