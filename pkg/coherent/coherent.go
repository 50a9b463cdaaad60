// Package coherent is a read-through cache that is never stale: a read returns
// no version older than any that was acknowledged, or returned by any read,
// before it began, through whichever process.
//
// A cell is either a value with its version, a lease to fill it, or a set of
// write markers. A writer marks the cell in Redis before it changes the
// database and unmarks it once the outcome is known; while it is marked every
// reader goes to the database and nothing is filled. A marker never expires.
// Whoever finds one past its deadline asks the database's operation row which
// way that write went and, if it has not gone, makes sure that it never can.
// That is a reader, or, where nobody reads, the janitor: each process has one,
// which finds what dead writers left in a register of all markers. In a region
// one at a time is at work, and when it dies another goes on.
//
// With several regions, each with a Redis of its own, a cell is at home in one of
// them. Every writer marks it there, wherever the writer is; only readers there
// fill it and are answered from it, all others by the database.
//
// A list is stored under the generation of its scope, and every write of an item
// marks the scopes of the lists that it may change; see [List].
//
// Readers of one process that miss the same thing at the same time share a way
// to the database, and none of them one that was begun before it came.
//
// The cost: a hit is one GET, of a list one MGET; a miss is that, a lease, a
// database read and a fill; several items at once are as many round trips as one;
// a write waits for one round trip more than without a cache, whatever it marks.
//
// What it rests on: every write goes through [Cache.Write]; reads that fill run
// SERIALIZABLE and from the leaseholder, not from a follower; an operation row
// outlives any statement that may still arrive for it, and any marker that may
// still ask about it (see [Cache.Unsettled]); and the assumptions of package
// epoch.
package coherent

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/singleflight"

	"tandem.example/pkg/epoch"
)

const (
	valueLife  = 10 * time.Minute // the usual lifetime in Redis of what is stored, and that of a generation
	leaseLife  = 3 * time.Second  // a fill later than this is refused
	softFor    = 5 * time.Second  // a marker older than this is resolved by whoever meets it
	resolveFor = 200 * time.Millisecond
	unmarkFor  = 2 * time.Second
	behindOpen = 256 // so much is unmarked and resolved behind answers at once
)

// Entry is one version of a value. Body is what a reader gets, byte for byte;
// it must not be modified.
type Entry struct {
	Version int64 // positive, and growing with each committed write of the cell
	Body    []byte
	Life    time.Duration // in Redis, less up to a tenth at random; zero for ten minutes
	// Elsewhere is set by a [Load] that has found the cell to be at home in another
	// region, or in none yet: it is not stored.
	Elsewhere bool
}

// Config is what a Cache is made of.
type Config struct {
	Region  string
	Epochs  *epoch.Keeper
	Regions *epoch.Regions // nil: there is but one region
	Arbiter Arbiter
	// Admit, if set, is asked before a read goes on from its first round trip;
	// its error ends the read. The check of a token that rides along in that
	// round trip is awaited here.
	Admit func(context.Context) error
	// Current, if set, tells whether this process has lately dropped everything that
	// there were news of; see [Cache.ReadBounded].
	Current Current
	// Codec names the format of bodies and is '1' if it is zero. A release whose
	// bodies look different has another, so that it does not serve those of the
	// release before, nor that one those of this.
	Codec byte
	// MaxBody is the size in bytes of the largest body that is stored, 512 KiB if
	// it is zero. Larger ones are read from the database each time.
	MaxBody int
	Log     *zap.Logger
	Metrics prometheus.Registerer
}

// Cache is safe for concurrent use.
type Cache struct {
	cfg       Config
	codec     codec
	metrics   metrics
	flights   [kinds]*flights
	deciding  singleflight.Group
	resolving sync.Map       // token and cell of each marker that is being resolved
	behind    sync.WaitGroup // unmarking and resolving that nobody waits for
	slots     chan struct{}
	horizon   atomic.Pointer[horizon]
	quit      context.CancelFunc // ends the janitor; nil before Start
}

// New makes a cache. It does no I/O.
func New(cfg Config) *Cache {
	if cfg.Admit == nil {
		cfg.Admit = func(context.Context) error { return nil }
	}
	if cfg.Regions == nil {
		cfg.Regions = epoch.NewRegions(cfg.Epochs)
	}
	if cfg.Codec == 0 {
		cfg.Codec = '1'
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = 512 << 10
	}
	return &Cache{
		cfg: cfg, codec: codec(cfg.Codec), metrics: newMetrics(cfg.Metrics), slots: make(chan struct{}, behindOpen),
		flights: [kinds]*flights{newFlights(), newFlights()},
	}
}

// Start begins to resolve, in the background, the markers that dead writers left
// on cells that nobody reads. It is called once, or not at all.
func (c *Cache) Start() {
	ctx, quit := context.WithCancel(context.Background())
	c.quit = quit
	j := c.janitor()
	c.behind.Go(func() { j.run(ctx) })
}

// Stop waits until nothing runs behind an answer any more. What is cut short is
// not lost: the marker stays, and a reader or another's janitor resolves it.
func (c *Cache) Stop(ctx context.Context) error {
	if c.quit != nil {
		c.quit()
	}
	done := make(chan struct{})
	go func() {
		c.behind.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// goBehind runs work that no caller waits for, with a deadline of its own. It
// reports false, and does nothing, if there is no room.
func (c *Cache) goBehind(ctx context.Context, limit time.Duration, work func(context.Context)) bool {
	select {
	case c.slots <- struct{}{}:
	default:
		return false
	}
	c.behind.Go(func() {
		defer func() { <-c.slots }()
		within(ctx, limit, work)
	})
	return true
}

// within runs work to its own deadline, whatever becomes of the request.
func within(ctx context.Context, limit time.Duration, work func(context.Context)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	work(ctx)
}
