package coherent

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"tandem.example/pkg/crdb"
)

const (
	flightFor = 15 * time.Second // as long as the database may be ridden out
	// A flight waits so long for the one before it, which probably fills what
	// both want; not longer, since that one may be stuck.
	flightPatience = 100 * time.Millisecond
)

// flight is one way to the database that several readers of a key share. It
// takes readers until it sends its first message and is sealed from then on:
// what it brings back may be older than what was acknowledged later, and
// whoever comes later must not get it.
type flight struct {
	before *flight // of the same key, if one was under way
	done   chan struct{}

	// Written before done is closed.
	entry  Entry
	source Source
	err    error
}

// flights are those under way in this process. It is safe for concurrent use.
type flights struct {
	patience time.Duration

	mu    sync.Mutex // guards lanes and what is in them
	lanes map[string]*lane
}

func newFlights() *flights { return &flights{patience: flightPatience, lanes: make(map[string]*lane)} }

// lane is the flights of one key.
type lane struct {
	boarding *flight // takes readers
	sealed   *flight // the latest that does not
}

// board gives the flight to wait for, and tells whether it has yet to be flown.
// model: flight.pml, BOARD
func (fs *flights) board(key string) (f *flight, alone bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	l := fs.lanes[key]
	if l == nil {
		l = &lane{}
		fs.lanes[key] = l
	}
	if l.boarding != nil {
		return l.boarding, false
	}
	l.boarding = &flight{before: l.sealed, done: make(chan struct{})}
	return l.boarding, true
}

// seal closes the door; it comes before the first message.
// model: flight.pml, SEAL
func (fs *flights) seal(key string, f *flight) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	l := fs.lanes[key]
	l.boarding, l.sealed = nil, f
	f.before = nil
}

// land lets everybody see how it went.
// model: flight.pml, LAND
func (fs *flights) land(key string, f *flight) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if l := fs.lanes[key]; l != nil && l.boarding == nil && l.sealed == f {
		delete(fs.lanes, key)
	}
	close(f.done)
}

// forward goes to the database, and to Redis on the way. Late tells that time
// has passed since the reader looked.
type forward func(ctx context.Context, late bool) (Entry, Source, error)

// fly is a forward that is shared with the other readers of the key. It ends
// with the reader's context, while the flight goes on for the others.
func (c *Cache) fly(ctx context.Context, of kind, key string, forward forward) (Entry, Source, error) {
	fs := c.flights[of]
	f, alone := fs.board(key)
	if alone {
		c.metrics.flights.Inc()
		c.behind.Go(func() { within(ctx, flightFor, func(ctx context.Context) { fs.take(ctx, key, f, forward) }) })
	} else {
		c.metrics.joins.Inc()
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return Entry{}, 0, crdb.ErrUnavailable.Because(fmt.Errorf("wait for a read under way: %w", ctx.Err()))
	}
	if !alone {
		return f.entry, f.source.joined(), f.err
	}
	return f.entry, f.source, f.err
}

func (fs *flights) take(ctx context.Context, key string, f *flight, forward forward) {
	late := f.before != nil
	if late {
		timer := time.NewTimer(fs.patience)
		select {
		case <-f.before.done:
		case <-timer.C:
		}
		timer.Stop()
	}
	defer fs.land(key, f)
	defer func() { // a defect must not end the process, as it would not in the reader's own goroutine
		if p := recover(); p != nil {
			f.err = fmt.Errorf("read %s: panic: %v\n%s", key, p, debug.Stack())
		}
	}()
	fs.seal(key, f)
	f.entry, f.source, f.err = forward(ctx, late)
}
