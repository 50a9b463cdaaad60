package relay

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"tandem.example/pkg/crdb"
)

const (
	leaseFor   = 6 * time.Second
	claimEvery = leaseFor / 3
	statsEvery = 5 * time.Second
	maxNudges  = 4096
	stopWithin = 5 * time.Second // for the last round and giving the leases back
)

// Settings is the relay's part of a service's environment.
type Settings struct {
	Replicas int           `env:"INVALIDATION_REPLICAS" envDefault:"1"` // of the stream; 3 survive the loss of a server
	Poll     time.Duration `env:"INVALIDATION_POLL" envDefault:"200ms"`
}

// Check refuses what cannot work.
func (s Settings) Check(_ string, report func(variable, problem string)) {
	if s.Replicas < 1 || s.Replicas > 5 || s.Replicas%2 == 0 {
		report("INVALIDATION_REPLICAS", "must be 1, 3 or 5")
	}
	if s.Poll < 10*time.Millisecond || s.Poll > time.Minute {
		report("INVALIDATION_POLL", "must be between 10ms and 1m")
	}
}

// Config is what a Relay is made of.
type Config struct {
	Settings
	Holder  string // unique among relays
	Source  string // of events whose writer left none
	DB      *crdb.DB
	Log     *zap.Logger
	Metrics prometheus.Registerer
	Tracing trace.TracerProvider // optional
	Asked   Asked                // optional
}

// Relay publishes in the background. Its methods are safe for concurrent use.
type Relay struct {
	cfg     Config
	store   store
	stream  *stream
	metrics *metrics
	cancel  context.CancelFunc // ends waiting, the round goes on
	abort   context.CancelFunc // ends the round too
	done    chan struct{}
	wake    chan struct{}
	at      func(point string) // tests crash here
	tuning  tuning

	mu     sync.Mutex // guards nudged
	nudged map[string]struct{}

	held atomic.Pointer[[]int64] // what shards were last, for the one that tidies

	slice byte // of the keys of requests, to be looked through next; owned by the one that tidies

	// Owned by the goroutine.
	shards      []int64
	leaseUntil  time.Time
	nextClaim   time.Time
	nextStats   time.Time
	blocked     map[string]*backoff
	unreachable backoff
	trouble     string
}

// New makes a Relay; Start makes it work.
func New(cfg Config) *Relay {
	return &Relay{
		cfg: cfg, store: store{cfg.DB}, metrics: newMetrics(cfg.Metrics),
		done: make(chan struct{}), wake: make(chan struct{}, 1), at: func(string) {}, tuning: tuning{dedupe: dedupeFor, tidyEvery: tidyEvery},
		nudged: map[string]struct{}{}, blocked: map[string]*backoff{},
	}
}

// Start begins to publish over a connection that may be away for now.
func (r *Relay) Start(nc *nats.Conn) error {
	s, err := newStream(nc, r.cfg, r.tuning, r.metrics.published.Inc)
	if err != nil {
		return err
	}
	r.stream = s
	work, abort := context.WithCancel(context.Background())
	wait, cancel := context.WithCancel(work)
	r.abort, r.cancel = abort, cancel
	go func() {
		defer close(r.done)
		var tidying sync.WaitGroup
		tidying.Go(func() { r.retain(wait) })
		r.run(wait, work)
		tidying.Wait()
	}()
	return nil
}

// Nudge says that a change of the subject was committed, so that it is announced
// at once. It never blocks, and forgetting it only costs time.
func (r *Relay) Nudge(subject string) {
	r.mu.Lock()
	if len(r.nudged) < maxNudges {
		r.nudged[subject] = struct{}{}
	}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Unannounced tells how long ago the oldest change was begun, of any region's, that
// is not announced yet; 0 if all are. Whatever was acknowledged before that is in
// the stream.
func (r *Relay) Unannounced(ctx context.Context) (time.Duration, error) { return r.store.oldest(ctx) }

func (r *Relay) takeNudged() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	subjects := make([]string, 0, len(r.nudged))
	for s := range r.nudged {
		subjects = append(subjects, s)
	}
	clear(r.nudged)
	return subjects
}

// Stop publishes what is there, gives the leases back and ends.
func (r *Relay) Stop(ctx context.Context) error {
	if r.cancel == nil {
		return nil // never started
	}
	defer r.abort()
	r.cancel()
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		r.abort()
		<-r.done
		return fmt.Errorf("stop relay: %w", ctx.Err())
	}
}

func (r *Relay) run(wait, work context.Context) {
	tick := time.NewTicker(r.cfg.Poll)
	defer tick.Stop()
	for {
		select {
		case <-wait.Done():
			r.leave(work)
			return
		case <-r.wake:
			r.publish(work, r.unblocked(r.takeNudged()))
		case <-tick.C:
			r.lease(work)
			r.observe(work)
			r.sweep(wait, work)
		}
	}
}

// leave publishes what this process wrote last, and lets others sweep at once.
func (r *Relay) leave(work context.Context) {
	ctx, cancel := context.WithTimeout(work, stopWithin)
	defer cancel()
	r.publish(ctx, r.unblocked(r.takeNudged()))
	r.sweep(ctx, ctx)
	if err := r.store.release(ctx, r.cfg.Holder); err != nil {
		r.cfg.Log.Warn("leases not given back", zap.Error(err))
	}
}

// lease claims every shard that nobody holds and renews its own.
func (r *Relay) lease(ctx context.Context) {
	now := time.Now()
	if now.After(r.leaseUntil) {
		r.shards = nil
	}
	if now.Before(r.nextClaim) {
		return
	}
	r.nextClaim = now.Add(claimEvery)
	shards, err := r.store.claim(ctx, r.cfg.Holder, leaseFor)
	if err != nil {
		r.say("leases not renewed", err)
		return
	}
	r.shards, r.leaseUntil = shards, now.Add(leaseFor)
	r.held.Store(&shards)
}

// observe reports the backlog, also while NATS is away.
func (r *Relay) observe(ctx context.Context) {
	if time.Now().Before(r.nextStats) {
		return
	}
	r.nextStats = time.Now().Add(statsEvery)
	pending, oldest, err := r.store.backlog(ctx)
	if err != nil {
		r.say("backlog not read", err)
		return
	}
	r.metrics.pending.Set(float64(pending))
	r.metrics.oldest.Set(oldest.Seconds())
}

// say logs a lasting trouble once.
func (r *Relay) say(what string, err error) {
	if text := what + fmt.Sprint(err); text != r.trouble {
		r.trouble = text
		r.cfg.Log.Warn(what, zap.Error(err))
	}
}
