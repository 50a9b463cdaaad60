package invalidation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	fetchSize    = 128
	fetchFor     = 5 * time.Second
	heartbeat    = time.Second     // two missed ones end a fetch
	askFor       = 3 * time.Second // one question to the server
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second // between attempts to follow or flush
	longestHold  = 30 * time.Second
	remembered   = 1 << 16 // subjects
)

// follower is the one goroutine behind a subscription; nothing here is shared.
type follower struct {
	options Options
	handle  Handler
	nc      *nats.Conn
	js      jetstream.JetStream
	tell    func(error)
	reach   func(*place)

	consumer jetstream.Consumer
	born     time.Time // of the stream that is followed
	made     time.Time // of the consumer
	tail     uint64    // the stream's last sequence at the last check
	saved    uint64    // the floor that the server was last told
	checked  time.Time
	heard    time.Time
	silent   bool

	ledger *ledger
	seen   *versions
	held   map[string]hold
}

// hold is the oldest event of a resource that the handler did not take.
type hold struct {
	seq   uint64
	again time.Time
}

func newFollower(nc *nats.Conn, options Options, handler Handler) (*follower, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("subscribe to invalidations: %w", err)
	}
	f := &follower{options: options, handle: handler, nc: nc, js: js, heard: time.Now()}
	f.forget(0)
	return f, nil
}

// forget starts anew after the sequence floor.
func (f *follower) forget(floor uint64) {
	f.ledger, f.seen, f.held = newLedger(floor), newVersions(remembered), map[string]hold{}
}

// run follows the stream until wait ends; what it calls may go on until work
// ends.
func (f *follower) run(wait, work context.Context) {
	for attempt := 0; wait.Err() == nil; attempt++ {
		before := f.heard
		err := f.follow(wait, work)
		if wait.Err() != nil {
			break
		}
		f.tell(fmt.Errorf("%w: %w", ErrNotFollowing, err))
		f.options.Report(err)
		if f.heard != before {
			attempt = 0
		}
		if quiet := time.Since(f.heard); quiet > f.options.Silence && !f.silent {
			f.silent = true
			f.flush(wait, work, Gap{Reason: Silence, Last: f.ledger.floor()})
		}
		pause(wait, min(firstPause<<min(attempt, 10), longestPause))
	}
	if f.consumer != nil && f.nc.IsConnected() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(work), askFor)
		defer cancel()
		if err := f.save(ctx); err != nil {
			f.options.Report(err)
		}
	}
}

// follow receives until something has to be set up anew.
func (f *follower) follow(wait, work context.Context) error {
	if !f.nc.IsConnected() {
		return nats.ErrDisconnected
	}
	if err := f.attach(wait, work); err != nil {
		return err
	}
	for wait.Err() == nil {
		f.heard, f.silent = time.Now(), false
		f.tell(nil)
		if time.Since(f.checked) > f.options.Check {
			if err := f.check(wait); err != nil {
				return err
			}
		}
		if err := f.fetch(wait, work); err != nil {
			return err
		}
	}
	return wait.Err()
}

// fetch takes messages as they come. It returns nil only when the server has
// proved that it is there.
func (f *follower) fetch(wait, work context.Context) error {
	ctx, cancel := context.WithTimeout(wait, min(fetchFor, f.options.Check+heartbeat*5/2))
	defer cancel()
	batch, err := f.consumer.Fetch(fetchSize, jetstream.FetchContext(ctx), jetstream.FetchHeartbeat(heartbeat))
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	for msg := range batch.Messages() {
		f.heard = time.Now()
		if wait.Err() != nil {
			_ = msg.Nak() // if this is lost, the reset at the next start does it
			continue
		}
		f.take(wait, work, msg)
		f.reach(&place{f.born, f.made, f.ledger.floor()})
	}
	if err := batch.Error(); err != nil && wait.Err() == nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("fetch: %w", err)
	}
	return nil
}

// take brings one message to its end, or puts it off.
func (f *follower) take(wait, work context.Context, msg jetstream.Msg) {
	meta, err := msg.Metadata()
	if err != nil {
		f.options.Report(fmt.Errorf("metadata of a message: %w", err))
		return
	}
	seq, subject := meta.Sequence.Stream, msg.Subject()
	if h, ok := f.held[subject]; ok && seq > h.seq {
		f.postpone(msg, seq, time.Until(h.again)+firstPause)
		return
	}
	e, err := Decode(msg.Data())
	if err != nil {
		f.options.Report(fmt.Errorf("event %d on %s: %w", seq, subject, err))
		f.flush(wait, work, Gap{Reason: Unreadable, Last: f.ledger.floor()})
		_ = msg.TermWithReason("unreadable")
		f.ledger.done(seq)
		return
	}
	byHand := msg.Headers().Get(VersionHeader) == ""
	if byHand || e.Change.Version > f.seen.of(subject) {
		if err := f.apply(work, msg, e); err != nil {
			again := holdFor(meta.NumDelivered)
			f.held[subject] = hold{seq, time.Now().Add(again)}
			f.options.Report(fmt.Errorf("handle event %s on %s: %w", e.ID, subject, err))
			f.postpone(msg, seq, again)
			return
		}
		if !byHand { // else a version that is too high would hide those to come
			f.seen.handled(subject, e.Change.Version)
		}
	}
	if seq >= f.held[subject].seq {
		delete(f.held, subject)
	}
	_ = msg.Ack() // if this is lost, the event comes again and is dropped by its version
	f.ledger.done(seq)
}

func (f *follower) apply(work context.Context, msg jetstream.Msg, e Event) error {
	ctx, cancel := context.WithTimeout(f.options.Context(work, msg.Headers()), f.options.AckWait)
	defer cancel()
	return f.handle(ctx, e)
}

func (f *follower) postpone(msg jetstream.Msg, seq uint64, d time.Duration) {
	f.ledger.postpone(seq)
	_ = msg.NakWithDelay(max(d, firstPause)) // if this is lost, it comes again after AckWait
}

// flush asks the caller to drop what it keeps until that has worked.
func (f *follower) flush(wait, work context.Context, gap Gap) bool {
	for attempt := 0; wait.Err() == nil; attempt++ {
		err := f.options.Flush(work, gap)
		if err == nil {
			return true
		}
		f.options.Report(fmt.Errorf("flush: %w", err))
		pause(wait, min(firstPause<<min(attempt, 10), longestPause))
	}
	return false
}

// holdFor grows with each delivery of an event.
func holdFor(deliveries uint64) time.Duration {
	return min(firstPause<<min(deliveries, 10), longestHold)
}

// pause waits for between half of d and d.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d - rand.N(d/2)) //nolint:gosec // jitter, not a secret
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
