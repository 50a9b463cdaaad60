package invalidation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrNotFollowing is the state of a subscription that does not hear the stream
// at the moment, and hence may know less than others do.
var ErrNotFollowing = errors.New("the invalidation stream is not being followed")

// ErrBehind is why [Subscription.CaughtUp] cannot say yes.
var ErrBehind = errors.New("not every invalidation event is handled yet")

const catchUp = 50 * time.Millisecond

// Start is where a durable consumer that does not exist yet begins.
type Start uint8

// The starting points.
const (
	FromNow    Start = iota // events that are published from now on
	FromOldest              // every event that the stream still has
)

// Handler applies one event. Its context ends when [Options].AckWait is over.
// After an error the event comes again, and later ones of the same resource
// wait for it; those of other resources do not.
type Handler func(ctx context.Context, e Event) error

// Options describe a subscription. Durable and Flush are required.
type Options struct {
	// Durable names the consumer on the server, which remembers what was
	// handled. Each process that keeps a state of its own needs a name of its own.
	Durable string
	// Flush drops everything that the subscriber keeps on the strength of events.
	// It is never called at the same time as the handler, and again until it
	// returns nil. No later event is handled before that.
	Flush func(context.Context, Gap) error

	Types []string // resource types to hear of; none means all
	From  Start
	// Expire lets the server forget the consumer when it was away for so long.
	// Zero means never.
	Expire time.Duration
	// AckWait bounds one call of the handler; default 30 s.
	AckWait time.Duration
	// Silence is how long the subscriber may hear nothing, not even that there
	// are no events, before Flush is called; default 10 s.
	Silence time.Duration
	// Check is how often the stream is compared with what was handled, beyond each
	// time that following it begins; default 10 s.
	Check time.Duration
	// InFlight bounds the events that are delivered and not yet handled; default
	// 1024. When so many wait for a handler that fails, nothing else is delivered.
	InFlight int
	// Report, if set, hears of failures that the subscription deals with itself.
	Report func(error)
	// Context, if set, derives the handler's context from the headers of the
	// message, such as the trace that it belongs to.
	Context func(context.Context, nats.Header) context.Context
}

func (o *Options) complete(handler Handler) error {
	if handler == nil || o.Flush == nil {
		return errors.New("subscribe to invalidations: a handler and Options.Flush are required")
	}
	if !idPattern.MatchString(o.Durable) {
		return errors.New("subscribe to invalidations: Options.Durable must be 1 to 128 letters, digits, - or _")
	}
	o.Types = slices.Compact(slices.Sorted(slices.Values(o.Types)))
	for _, t := range o.Types {
		if !typePattern.MatchString(t) {
			return fmt.Errorf("subscribe to invalidations: Options.Types: %q is not a resource type", t)
		}
	}
	if o.AckWait <= 0 {
		o.AckWait = 30 * time.Second
	}
	if o.Silence <= 0 {
		o.Silence = 10 * time.Second
	}
	if o.Check <= 0 {
		o.Check = 10 * time.Second
	}
	if o.InFlight <= 0 {
		o.InFlight = 1024
	}
	if o.Report == nil {
		o.Report = func(error) {}
	}
	if o.Context == nil {
		o.Context = func(ctx context.Context, _ nats.Header) context.Context { return ctx }
	}
	return nil
}

// Subscription is one process following the stream. Its methods are safe for
// concurrent use.
type Subscription struct {
	options Options
	cancel  context.CancelFunc // ends waiting, the handler goes on
	abort   context.CancelFunc // ends the handler too
	done    chan struct{}
	js      jetstream.JetStream
	place   atomic.Pointer[place]

	mu    sync.Mutex // guards state
	state error
}

// place is up to where a stream was handled, through which consumer.
type place struct {
	born, made time.Time
	floor      uint64
}

// Subscribe begins to follow the stream in the background. It does not need NATS
// to be there, nor the stream to exist: it goes on trying until ctx ends or
// [Subscription.Stop] is called.
func Subscribe(ctx context.Context, nc *nats.Conn, options Options, handler Handler) (*Subscription, error) {
	if err := options.complete(handler); err != nil {
		return nil, err
	}
	follower, err := newFollower(nc, options, handler)
	if err != nil {
		return nil, err
	}
	work, abort := context.WithCancel(ctx)
	wait, cancel := context.WithCancel(work)
	s := &Subscription{options: options, cancel: cancel, abort: abort, done: make(chan struct{}), state: ErrNotFollowing}
	s.js = follower.js
	follower.tell, follower.reach = s.set, s.place.Store
	go func() {
		defer close(s.done)
		follower.run(wait, work)
		s.set(ErrNotFollowing)
	}()
	return s, nil
}

// Err is nil while the stream is being followed, and otherwise wraps
// [ErrNotFollowing]; use it as a readiness probe.
func (s *Subscription) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// CaughtUp waits until every event is handled that the stream had when it was
// called. If ctx ends before, or that cannot be known, it returns an error.
func (s *Subscription) CaughtUp(ctx context.Context) error {
	stream, err := s.js.Stream(ctx, Stream)
	if err != nil {
		return fmt.Errorf("find stream: %w", err)
	}
	last := stream.CachedInfo().State.LastSeq
	for {
		err := s.reached(ctx, stream, last)
		if err == nil {
			return nil
		}
		pause(ctx, catchUp)
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", err, ctx.Err())
		}
	}
}

// reached tells whether everything up to a sequence is handled. What is not for
// this subscriber is when the server has nothing more for it; and the stream, asked
// after that, must still have what the subscriber was not given.
func (s *Subscription) reached(ctx context.Context, stream jetstream.Stream, last uint64) error {
	consumer, err := s.js.Consumer(ctx, Stream, s.options.Durable)
	if err != nil {
		return fmt.Errorf("find consumer: %w", err)
	}
	asked := consumer.CachedInfo()
	info, err := stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("look at stream: %w", err)
	}
	at := s.place.Load()
	switch {
	case at == nil || !at.born.Equal(info.Created) || !at.made.Equal(asked.Created): // there is a gap to be told of
		return ErrBehind
	case at.floor >= last:
		return nil
	case asked.NumPending > 0 || asked.NumAckPending > 0 || info.State.FirstSeq > at.floor+1:
		return ErrBehind
	}
	return nil
}

func (s *Subscription) set(state error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
}

// Stop lets the handler finish what it is at, hands back what was delivered
// beyond that, and ends the subscription; the consumer stays on the server. When
// ctx ends first, the handler's context is ended.
func (s *Subscription) Stop(ctx context.Context) error {
	s.cancel()
	defer s.abort()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		s.abort()
		<-s.done
		return fmt.Errorf("stop following invalidations: %w", ctx.Err())
	}
}
