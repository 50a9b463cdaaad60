package epoch

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"tandem.example/pkg/fault"
)

const (
	leaseFor    = 2 * time.Second        // how long one reading of the row is relied upon
	renewEvery  = 500 * time.Millisecond // several tries fit into a lease
	renewWithin = time.Second            // a renewal that takes longer is given up
	// recoverWithin bounds one recovery, however much there is to do: one that was
	// given up begins anew, and would never come to its end. Nothing is held
	// meanwhile, and whoever recovers must not wait for ever for one step of it.
	recoverWithin = time.Hour
	openWithin    = 5 * time.Second // for the one statement after that
	// clockOffset is CockroachDB's default --max-offset: a read may be served as
	// of a moment that much before it was sent.
	clockOffset = 500 * time.Millisecond
)

// Store is the rows in the database; *Postgres is one.
type Store interface {
	Get(ctx context.Context, region string) (Row, error)
	Advance(ctx context.Context, region string, from int64, identity string, peers []string) (won bool, err error)
	MarkReady(ctx context.Context, region string, epoch int64) error
}

// Recovery makes a new incarnation fit to answer for tokens; auth has one. The
// Epoch it gets is not held yet. It may run again, and in two processes at once.
type Recovery func(context.Context, *Epoch) error

// Config is what a Keeper is made of.
type Config struct {
	Region  string
	Store   Store
	Options func() (*redis.Options, error)
	Recover Recovery // nil: wait until another process has opened the epoch
	// Grace is how long after its lease an epoch still answers [Keeper.Reading]
	// while Redis is the same and the database cannot be asked. Zero: not at all.
	Grace time.Duration
	Peers []string // the other regions that this process can reach
	// Peer is set for a region that is not this process's own: its epochs are
	// followed, and left to its own instances to declare and to open.
	Peer    bool
	Log     *zap.Logger
	Metrics prometheus.Registerer
	Tracing trace.TracerProvider // optional
}

// Keeper holds the lease. Its methods are safe for concurrent use.
type Keeper struct {
	cfg     Config
	base    time.Time
	current atomic.Pointer[Epoch]
	wake    chan struct{}
	metrics metrics

	mu     sync.Mutex // guards why and redis
	why    error      // why there is no lease; for readiness and logs
	redis  error      // what the last renewal saw of Redis alone
	cancel context.CancelFunc
	done   chan struct{}

	// Owned by the renewing goroutine.
	seen    sighting
	strange string // the regions that were last complained of
}

// New makes a Keeper; Start makes it work.
func New(cfg Config) *Keeper {
	k := &Keeper{cfg: cfg, base: time.Now(), wake: make(chan struct{}, 1), why: ErrNotReady, redis: ErrUnavailable, done: make(chan struct{})}
	k.metrics = newMetrics(cfg.Metrics)
	return k
}

// Start begins to renew in the background. It does not wait for anything, so a
// service starts while Redis or the database is away.
func (k *Keeper) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	k.cancel = cancel
	go k.run(ctx)
}

// Stop gives the lease back and closes the connections.
func (k *Keeper) Stop(ctx context.Context) error {
	k.cancel()
	select {
	case <-k.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop epoch keeper: %w", ctx.Err())
	}
}

// Current is the epoch that may be used now. It returns [ErrUnavailable] or
// [ErrNotReady] when there is none.
// model: epoch.pml, CURRENT
func (k *Keeper) Current() (*Epoch, error) {
	if e := k.current.Load(); e != nil && k.now() < time.Duration(e.until.Load()) {
		return e, nil
	}
	return nil, k.Ready()
}

// Reading starts a trip for a request that does no more than read. Its replies
// count while the lease lasts and, other than those of [Epoch.Do], in its grace.
// It returns what Current returns.
func (k *Keeper) Reading() (*Trip, error) {
	e, err := k.Current()
	if err != nil {
		if e = k.current.Load(); e == nil || !k.graced(e) {
			return nil, err
		}
	}
	trip := e.Trip()
	if k.cfg.Grace > 0 {
		trip.keeper = k
	}
	return trip, nil
}

// Answers is nil while Reading starts trips, and otherwise the reason that it
// does not.
func (k *Keeper) Answers() error {
	if e := k.current.Load(); e != nil && k.graced(e) {
		return nil
	}
	return k.Ready()
}

// Ready is nil while an epoch is held, and otherwise the reason that it is not.
func (k *Keeper) Ready() error {
	if e := k.current.Load(); e != nil && k.now() < time.Duration(e.until.Load()) {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.why
}

// Reached is nil if Redis answered the last renewal as it should, whatever
// became of the lease.
func (k *Keeper) Reached() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.redis
}

// now is the keeper's clock: monotonic, and cheap to compare.
func (k *Keeper) now() time.Duration { return time.Since(k.base) }

func (k *Keeper) held(e *Epoch) bool {
	return k.current.Load() == e && k.now() < time.Duration(e.until.Load())
}

func (k *Keeper) graced(e *Epoch) bool {
	return k.current.Load() == e && k.now() < time.Duration(e.grace.Load())
}

func (k *Keeper) run(ctx context.Context) {
	defer close(k.done)
	var bound *incarnation
	defer func() {
		k.current.Store(nil)
		bound.close()
	}()
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		bound = k.renew(ctx, bound)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-k.wake:
		}
	}
}

// poke asks for a renewal now.
func (k *Keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// note remembers why the last renewal failed, as a 503 whatever it was, and logs
// each change of reason once.
func (k *Keeper) note(err error) {
	why := err
	switch {
	case err == nil:
		why = ErrNotReady // for a process that sleeps past its lease
	case fault.KindOf(err) == fault.Internal:
		why = ErrNotReady.Because(err)
	}
	k.mu.Lock()
	changed := why.Error() != k.why.Error()
	k.why = why
	k.mu.Unlock()
	if err != nil && changed {
		k.cfg.Log.Warn("epoch not renewed", zap.Error(err))
	}
}
