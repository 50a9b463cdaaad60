package relay

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"tandem.example/pkg/invalidation"
)

const (
	roundSubjects = 64 // of one shard
	roundRows     = 64 // of one subject
	atOnce        = 16 // subjects that are published side by side
	publishFor    = 5 * time.Second
	maxFenced     = 3
)

// A subject's failure is its own, or the way to NATS is broken for all.
var (
	errUnreachable = errors.New("the stream cannot be reached")
	errFenced      = errors.New("another message was stored first")
)

// found makes the stream be there before the first change is, for those who want
// to subscribe. It tells whether it is.
func (r *Relay) found(work context.Context) bool {
	if !r.connected() {
		return false
	}
	err := r.stream.ensure(work)
	if err != nil {
		r.lost(err)
	}
	return err == nil
}

// sweep publishes what waits in the held shards until nothing that can be
// published is left.
func (r *Relay) sweep(wait, work context.Context) {
	if !r.found(work) {
		return
	}
	for wait.Err() == nil && len(r.shards) > 0 && r.connected() {
		subjects, err := r.store.waiting(work, r.shards, r.blockedNow(), roundSubjects)
		if err != nil {
			r.say("outbox not read", err)
			return
		}
		if len(subjects) == 0 || !r.publish(work, subjects) {
			return
		}
		if nudged := r.unblocked(r.takeNudged()); len(nudged) > 0 {
			r.publish(work, nudged) // a long backlog does not delay what is new
		}
	}
}

// connected also holds back after the stream did not answer.
func (r *Relay) connected() bool { return r.stream.connected() && !r.unreachable.pausing(time.Now()) }

// publish announces what is not published of the subjects and marks it, and
// tells whether there was any progress.
func (r *Relay) publish(ctx context.Context, subjects []string) bool {
	if len(subjects) == 0 || !r.found(ctx) {
		return false
	}
	rows, err := r.store.unpublished(ctx, subjects, roundRows)
	if err != nil {
		r.say("outbox not read", err)
		return false
	}
	r.at("read")
	announced := r.announceAll(ctx, rows)
	r.at("published")
	if len(announced) == 0 {
		return false
	}
	lags, err := r.store.mark(ctx, announced)
	if err != nil {
		r.say("announced changes not marked", err) // they are met, and marked, again
		return false
	}
	r.at("marked")
	for _, lag := range lags {
		r.metrics.lag.Observe(lag.Seconds())
	}
	r.trouble = ""
	return true
}

func (r *Relay) announceAll(ctx context.Context, rows map[string][]row) []uuid.UUID {
	ctx, cancel := context.WithTimeout(ctx, publishFor)
	defer cancel()
	var mu sync.Mutex // guards announced and what is known of failures
	var announced []uuid.UUID
	var group errgroup.Group
	group.SetLimit(atOnce)
	for subject, rows := range rows {
		group.Go(func() error {
			ids, err := r.announce(ctx, subject, rows)
			mu.Lock()
			defer mu.Unlock()
			announced = append(announced, ids...)
			r.judge(subject, err)
			return nil
		})
	}
	_ = group.Wait() // failures were dealt with one by one
	return announced
}

// announce publishes the rows of one subject in order and stops at the first
// that does not go. It returns those that are in the stream.
func (r *Relay) announce(ctx context.Context, subject string, rows []row) (announced []uuid.UUID, err error) {
	var last position // right for a new resource; else the fence says so
	if rows[0].version > 1 {
		last, err = r.stream.last(ctx, subject)
	}
	fenced := 0
	for i := 0; i < len(rows) && err == nil; {
		if rows[i].version <= last.version {
			r.metrics.skipped.Inc()
			announced = append(announced, rows[i].id)
			i++
			continue
		}
		r.at("located")
		next, failed := r.stream.publish(ctx, subject, rows[i], last)
		switch {
		case failed == nil:
			last, announced = next, append(announced, rows[i].id)
			i++
			r.at("stored")
		case errors.Is(failed, errFenced) && fenced < maxFenced:
			fenced++
			last, err = r.stream.last(ctx, subject)
		default:
			err = failed
		}
	}
	return announced, err
}

// judge decides when a subject is tried again.
func (r *Relay) judge(subject string, err error) {
	switch {
	case err == nil:
		delete(r.blocked, subject)
		r.unreachable.reset()
	case errors.Is(err, errFenced):
		r.metrics.failed("fenced")
		r.block(subject, 20*time.Millisecond)
	case errors.Is(err, errUnreachable):
		r.lost(err)
	case errors.Is(err, invalidation.ErrInvalid):
		r.metrics.failed("invalid")
		r.block(subject, time.Second)
		r.cfg.Log.Error("a change cannot be announced", zap.String("subject", subject), zap.Error(err))
	default:
		r.metrics.failed("refused")
		r.block(subject, 100*time.Millisecond)
		r.cfg.Log.Error("a change was refused", zap.String("subject", subject), zap.Error(err))
	}
}

func (r *Relay) lost(err error) {
	r.metrics.failed("unreachable")
	r.unreachable.fail(time.Now(), 50*time.Millisecond, 2*time.Second)
	r.stream.forget()
	r.say("changes wait for NATS", err)
}
