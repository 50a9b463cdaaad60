package clients

import (
	"context"
	"sync"
	"time"

	"tandem.example/pkg/crdb"
)

const (
	// leaseFor is how long a record is relied upon, counted from before the
	// database was asked for it.
	leaseFor = time.Second
	// clockOffset is CockroachDB's default --max-offset: a read may be served as
	// of a moment that much before it was sent.
	clockOffset = 500 * time.Millisecond
	// maxLeases bounds the memory. Only clients that exist take any.
	maxLeases = 10_000
)

// leases keeps records for a moment, so that a busy client costs one query per
// lease and not one per request. Whoever changes a client waits until every
// lease on it has run out, in whichever instance ([leases.outlive]).
type leases struct {
	load func(ctx context.Context, id string) (Record, error)
	base time.Time

	mu      sync.Mutex // guards the rest
	held    map[string]*lease
	loading map[string]*lease
}

// lease is a record and when it was asked for. What load returned is written
// before done is closed.
type lease struct {
	asked  time.Duration
	done   chan struct{}
	record Record
	err    error
}

func newLeases(load func(context.Context, string) (Record, error)) *leases {
	return &leases{load: load, base: time.Now(), held: map[string]*lease{}, loading: map[string]*lease{}}
}

// now is monotonic.
func (l *leases) now() time.Duration { return time.Since(l.base) }

// find returns the record and how long ago it was asked for.
func (l *leases) find(ctx context.Context, id string) (Record, time.Duration, error) {
	found := l.take(ctx, id)
	select {
	case <-found.done: // as a rule; ctx need not even set a timer then
	default:
		select {
		case <-found.done:
		case <-ctx.Done():
			return Record{}, 0, crdb.Fault(ctx.Err())
		}
	}
	return found.record, l.now() - found.asked, found.err
}

// take gives the lease that covers this moment, or asks for one. A query that is
// under way serves those who come while its lease would last: its answer may be
// as old as the moment it was sent.
func (l *leases) take(ctx context.Context, id string) *lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for _, known := range []*lease{l.held[id], l.loading[id]} {
		if known != nil && now < known.asked+leaseFor {
			return known
		}
	}
	next := &lease{asked: now, done: make(chan struct{})}
	l.loading[id] = next
	// It serves others too, so it does not end with the one who came first.
	go l.ask(context.WithoutCancel(ctx), id, next)
	return next
}

func (l *leases) ask(ctx context.Context, id string, next *lease) {
	next.record, next.err = l.load(ctx, id)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.loading[id] == next {
		delete(l.loading, id)
		delete(l.held, id)
		if next.err == nil { // an unknown client is asked for each time
			if len(l.held) >= maxLeases {
				clear(l.held)
			}
			l.held[id] = next
		}
	}
	close(next.done)
}

// outlive returns when no instance relies on what it read before now. It returns
// a 503 when ctx ends first: the change was made, and is not yet known everywhere.
func (l *leases) outlive(ctx context.Context) error {
	timer := time.NewTimer(leaseFor + clockOffset)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return crdb.ErrAmbiguous.Because(ctx.Err())
	}
}
