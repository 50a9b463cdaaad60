package audit

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tandem.example/pkg/crdb"
)

const (
	leaseFor   = 6 * time.Second
	claimEvery = leaseFor / 3
	statsEvery = 5 * time.Second
	pollEvery  = 250 * time.Millisecond
	pageSize   = 256
	blockFor   = 30 * time.Second
	maxPause   = 2 * time.Second
	maxNudges  = 4096
)

// Settings of a Publisher.
type Settings struct {
	Holder   string // unique among publishers
	Source   string // of the announcements: region and service
	Replicas int    // of the streams
}

// Publisher announces what the table holds, at least once: in the background,
// whoever has the lease what waits, and each what it has just written itself.
// Announcements are offered in the order of ids, but events may be committed in
// another, so a later announcement can be of an earlier event. A row is marked
// after the server has acknowledged its messages; a crash in between leads to a
// second offer under the same id, which the server drops for two minutes.
//
// Its methods are safe for concurrent use.
type Publisher struct {
	settings Settings
	outbox   outbox
	streams  *streams
	log      *zap.Logger
	metrics  *metrics
	cancel   context.CancelFunc // ends waiting, the round goes on
	abort    context.CancelFunc // ends the round too
	done     chan struct{}
	wake     chan struct{}
	at       func(point string) // tests crash here

	mu     sync.Mutex // guards nudged
	nudged []uuid.UUID

	// Owned by the goroutine.
	leaseUntil time.Time
	nextClaim  time.Time
	nextStats  time.Time
	blocked    map[uuid.UUID]time.Time // what was refused, until it is tried again
	pause      time.Duration           // after the streams were not reached
	pauseUntil time.Time
	trouble    string
}

// NewPublisher makes a Publisher; Start makes it work.
func NewPublisher(settings Settings, db *crdb.DB, log *zap.Logger, reg prometheus.Registerer) *Publisher {
	return &Publisher{
		settings: settings, outbox: outbox{db}, log: log.Named("audit"), metrics: newMetrics(reg),
		done: make(chan struct{}), wake: make(chan struct{}, 1), at: func(string) {}, blocked: map[uuid.UUID]time.Time{},
	}
}

// Nudge implements [Announcer].
func (p *Publisher) Nudge(ids ...uuid.UUID) {
	p.mu.Lock()
	if len(p.nudged)+len(ids) <= maxNudges {
		p.nudged = append(p.nudged, ids...)
	}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *Publisher) takeNudged() []uuid.UUID {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := p.nudged
	p.nudged = nil
	return ids
}

// begin announces in the background until Stop.
func (p *Publisher) begin(s *streams) {
	p.streams = s
	work, abort := context.WithCancel(context.Background())
	wait, cancel := context.WithCancel(work)
	p.abort, p.cancel = abort, cancel
	go p.run(wait, work)
}

// Stop announces what is there, gives the lease back and ends.
func (p *Publisher) Stop(ctx context.Context) error {
	if p.cancel == nil {
		return nil // never started
	}
	defer p.abort()
	p.cancel()
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		p.abort()
		<-p.done
		return fmt.Errorf("stop publisher: %w", ctx.Err())
	}
}

func (p *Publisher) run(wait, work context.Context) {
	defer close(p.done)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-wait.Done():
			p.leave(work)
			return
		case <-p.wake:
			p.announceNudged(work)
		case <-tick.C:
			p.lease(work)
			p.observe(work)
			p.sweep(wait, work)
		}
	}
}

// leave announces what is there and lets others do so at once.
func (p *Publisher) leave(work context.Context) {
	ctx, cancel := context.WithTimeout(work, stopWithin)
	defer cancel()
	p.announceNudged(ctx)
	p.sweep(ctx, ctx)
	if err := p.outbox.release(ctx, p.settings.Holder); err != nil {
		p.log.Warn("lease not given back", zap.Error(err))
	}
}

// lease claims what nobody holds and renews its own.
func (p *Publisher) lease(ctx context.Context) {
	now := time.Now()
	if now.Before(p.nextClaim) {
		return
	}
	p.nextClaim = now.Add(claimEvery)
	held, err := p.outbox.claim(ctx, p.settings.Holder, leaseFor)
	switch {
	case err != nil:
		p.say("lease not renewed", err)
	case held:
		p.leaseUntil = now.Add(leaseFor)
	default:
		p.leaseUntil = time.Time{}
	}
}

func (p *Publisher) held() bool { return time.Now().Before(p.leaseUntil) }

// observe reports the backlog, also while NATS is away.
func (p *Publisher) observe(ctx context.Context) {
	if time.Now().Before(p.nextStats) {
		return
	}
	p.nextStats = time.Now().Add(statsEvery)
	pending, oldest, err := p.outbox.backlog(ctx)
	if err != nil {
		p.say("backlog not read", err)
		return
	}
	p.metrics.pending.Set(float64(pending))
	p.metrics.oldest.Set(oldest.Seconds())
}

// say logs a lasting trouble once.
func (p *Publisher) say(what string, err error) {
	if text := what + fmt.Sprint(err); text != p.trouble {
		p.trouble = text
		p.log.Warn(what, zap.Error(err))
	}
}
