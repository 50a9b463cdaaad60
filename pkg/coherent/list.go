package coherent

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/epoch"
)

// List names one list among those of its scope.
//
// A scope is a cell that holds no value, only a lease that all readers share:
// its token is the scope's generation, and never comes twice. What they read is
// stored beside it under that token, and is hit only while the scope still has
// it. A writer marks the scope as it marks an item, which ends the generation;
// so a list lasts until the next write that may change any list of the scope.
type List struct {
	Scope Cell
	Query string // which of them, in one form for all that mean the same
}

func (l List) key(epoch int64, k codec) string {
	sum := sha256.Sum256([]byte(string(rune(k)) + l.Query))
	return l.Scope.key(epoch, "l:"+base64.RawURLEncoding.EncodeToString(sum[:]))
}

// newGeneration makes a token that was never used: with a second life it would
// bring back what was stored under the first.
func newGeneration() string { return rand.Text() }

// ReadList returns a list from Redis, or else from the database. The entry's
// version has no meaning. It returns what Admit and load return, and nothing
// else.
func (c *Cache) ReadList(ctx context.Context, list List, load Load) (Entry, Source, error) {
	trip := c.trip(ctx)
	miss := load.as(BypassNoRedis)
	if trip != nil {
		found, err := c.codec.lookUp(ctx, trip, list)
		if found.hit {
			return found.entry, c.count(lists, hitOn(trip)), nil
		}
		if err == nil && !trip.Graced() {
			e, before := trip.Epoch(), found.generation
			miss = func(ctx context.Context, late bool) (Entry, Source, error) {
				found := look{generation: before}
				if late { // somebody may have stored it since
					found, _ = c.codec.lookUp(ctx, e.Trip(), list) // what fails here fails at LEASE, too
				}
				return c.missList(ctx, e, list, found, load)
			}
		}
	}
	return c.onward(ctx, lists, list.flight(), miss)
}

// ReadListAway is ReadList for one that is known to be at home in another region.
func (c *Cache) ReadListAway(ctx context.Context, list List, load Load) (Entry, Source, error) {
	return c.onward(ctx, lists, list.flight(), load.as(BypassRegion))
}

func (l List) flight() string { return string(l.Scope) + "?" + l.Query }

// look is what one MGET told of a list.
type look struct {
	generation string // the scope's, or nothing if it has none
	entry      Entry
	hit        bool
}

func (k codec) lookUp(ctx context.Context, trip *epoch.Trip, list List) (look, error) {
	number := trip.Epoch().Number()
	cmd := redis.NewSliceCmd(ctx, "mget", list.Scope.key(number, "v"), list.key(number, k))
	trip.Add(cmd)
	if err := trip.Do(ctx); err != nil { // model: gen.pml, MGET
		return look{}, err
	}
	scope, _ := cmd.Val()[0].(string)
	stored, _ := cmd.Val()[1].(string)
	found := look{generation: generationOf(scope)}
	found.entry.Body, found.hit = decodeList(stored, found.generation)
	return found, nil
}

// missList reads the database under a generation that is older than the read:
// one that began later would vouch for what it has not seen.
func (c *Cache) missList(ctx context.Context, e *epoch.Epoch, list List, found look, load Load) (Entry, Source, error) {
	if found.hit {
		return found.entry, Hit, nil
	}
	generation := found.generation
	if generation == "" {
		g, err := c.codec.lease(ctx, e, list.Scope, newGeneration(), lifetime(0))
		if why, stop := c.hindrance(ctx, e, list.Scope, g, err); stop {
			return load.as(why)(ctx, false)
		}
		generation = g.token + g.other // ours, or that of a reader who came first
	}
	entry, err := load(ctx) // model: gen.pml, LOAD
	if err != nil {
		return Entry{}, 0, err
	}
	if entry.Elsewhere {
		return entry, BypassRegion, nil
	}
	return entry, c.store(entry, func() (bool, error) { return c.codec.fillList(ctx, e, list, generation, entry) }), nil
}
