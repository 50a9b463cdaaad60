package audit

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

const (
	batchRoom  = 8192 // events, of some 500 bytes each
	batchPage  = 512
	batchEvery = 500 * time.Millisecond
	batchPause = 5 * time.Second // at most, between attempts that fail
	stopWithin = 5 * time.Second
)

// Sink is where a batch goes; *Log is one. It may be told the same twice.
type Sink interface {
	Store(ctx context.Context, events []Event) error
}

// Batch takes the events that are too many to be written one by one. Adding
// never waits: what finds no room, because the database is slow or away, is
// counted and lost, and that is an event of its own as soon as there is room. A
// process that is killed loses what it had not written, half a second's worth.
type Batch struct {
	sink    Sink
	log     *zap.Logger
	dropped prometheus.Counter
	full    chan struct{} // a page is waiting
	cancel  context.CancelFunc
	abort   context.CancelFunc
	done    chan struct{}

	mu      sync.Mutex // guards the rest
	waiting []*waiting
	alike   map[string]*waiting // refusals that are not being written yet
	lost    int
}

// NewBatch makes a batch; Start makes it write.
func NewBatch(sink Sink, log *zap.Logger, reg prometheus.Registerer) *Batch {
	b := &Batch{
		sink: sink, log: log.Named("audit"), full: make(chan struct{}, 1), done: make(chan struct{}), alike: map[string]*waiting{},
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "audit_dropped_total", Help: "Events lost because too many waited to be written.",
		}),
	}
	reg.MustRegister(b.dropped, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "audit_batch_waiting", Help: "Events that wait to be written.",
	}, func() float64 { return float64(b.Waiting()) }))
	return b
}

// Add leaves an event to be written soon.
func (b *Batch) Add(e Event) {
	w := &waiting{event: e, like: likeness(&e)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if before := b.alike[w.like]; before != nil {
		before.repeats++
		return
	}
	if len(b.waiting) >= batchRoom {
		b.lost++
		b.dropped.Inc()
		return
	}
	b.waiting = append(b.waiting, w)
	if w.like != "" {
		b.alike[w.like] = w
	}
	if len(b.waiting) >= batchPage {
		select {
		case b.full <- struct{}{}:
		default:
		}
	}
}

// Waiting is how many events are not written yet.
func (b *Batch) Waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting)
}

// Start writes in the background until Stop.
func (b *Batch) Start() {
	work, abort := context.WithCancel(context.Background())
	wait, cancel := context.WithCancel(work)
	b.abort, b.cancel = abort, cancel
	go b.run(wait, work)
}

// Stop writes what is left. What cannot be written within a few seconds is lost,
// which is logged.
func (b *Batch) Stop(ctx context.Context) error {
	if b.cancel == nil {
		return nil // never started
	}
	defer b.abort()
	b.cancel()
	select {
	case <-b.done:
	case <-ctx.Done():
		b.abort()
		<-b.done
	}
	if n := b.Waiting(); n > 0 {
		b.dropped.Add(float64(n))
		b.log.Error("audit events lost at stop", zap.Int("events", n))
	}
	return nil
}

func (b *Batch) run(wait, work context.Context) {
	defer close(b.done)
	timer := time.NewTimer(batchEvery)
	defer timer.Stop()
	pause := batchEvery
	for {
		select {
		case <-wait.Done():
			b.drain(work)
			return
		case <-b.full:
			if pause > batchEvery {
				continue // it failed; the timer says when to try again
			}
		case <-timer.C:
		}
		switch err := b.flush(work); {
		case err == nil:
			pause = batchEvery
		case pause == batchEvery:
			b.log.Warn("audit events wait for the database", zap.Error(err))
			fallthrough
		default:
			pause = min(2*pause, batchPause)
		}
		timer.Reset(pause)
	}
}

// drain tries until everything is written, or for a while.
func (b *Batch) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	for b.flush(ctx) != nil {
		timer := time.NewTimer(batchEvery)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// flush writes all that waits, page by page.
func (b *Batch) flush(ctx context.Context) error {
	for {
		page := b.page()
		if len(page) == 0 {
			return nil
		}
		if err := b.sink.Store(ctx, page); err != nil {
			return err
		}
		b.mu.Lock()
		if b.waiting = b.waiting[len(page):]; len(b.waiting) == 0 {
			b.waiting = nil // gives a burst's memory back
		}
		b.mu.Unlock()
	}
}

// page is the oldest that wait; they go on waiting until they are written, and do
// not change any more. If events were lost, one of those that wait says so.
func (b *Batch) page() []Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lost > 0 && len(b.waiting) < batchRoom {
		b.waiting = append(b.waiting, &waiting{event: New(context.Background(), Event{
			Type: Dropped, Reason: "no_room", Detail: map[string]string{"count": strconv.Itoa(b.lost)},
		})})
		b.log.Error("audit events dropped", zap.Int("events", b.lost))
		b.lost = 0
	}
	page := make([]Event, min(len(b.waiting), batchPage))
	for i, w := range b.waiting[:len(page)] {
		delete(b.alike, w.like)
		page[i] = w.told()
	}
	return page
}
