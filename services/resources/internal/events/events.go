// Package events applies what is announced of changes to this region's cache.
//
// It promises that whatever the write path may have missed is dropped, by every
// instance that follows: of a write by an instance that died, by another region,
// by an event that somebody made by hand. It can only drop what is older than the
// event says, so no event, however late, wrong or often it comes, makes a read
// older. That reads at home are never stale does not rest on it; how old those of
// other regions' resources may be does (see [Horizon]).
package events

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"tandem.example/pkg/invalidation"
)

const (
	forgetAfter = 5 * time.Minute // the server forgets the place of an instance that is gone
	applyWithin = 5 * time.Second
)

// Cache is what hears of changes.
type Cache interface {
	// Heard drops what is older than the change. After an error it is asked again.
	Heard(ctx context.Context, e invalidation.Event) error
	// Missed drops what only events keep right. After an error it is asked again.
	Missed(ctx context.Context) error
}

// Subscribe begins to follow the stream.
type Subscribe func(ctx context.Context, o invalidation.Options, h invalidation.Handler) (*invalidation.Subscription, error)

// Follower is one instance following the stream in the background.
type Follower struct {
	cache        Cache
	horizon      *Horizon
	unannounced  Unannounced
	log          *zap.Logger
	metrics      metrics
	subscription *invalidation.Subscription
	quit         context.CancelFunc // ends watching
	watching     sync.WaitGroup
}

// start follows under a name of this process's own: the region's instances each
// apply every event, so that none depends on another that hangs.
func (f *Follower) start(subscribe Subscribe, durable string) error {
	s, err := subscribe(context.Background(), invalidation.Options{
		Durable: durable, Expire: forgetAfter, AckWait: applyWithin, Flush: f.flush,
		Report: func(err error) { f.log.Debug("events", zap.Error(err)) },
	}, f.apply)
	f.subscription = s
	if err == nil && f.horizon != nil {
		var ctx context.Context
		ctx, f.quit = context.WithCancel(context.Background())
		f.watching.Go(func() { f.watch(ctx) })
	}
	return err
}

// stop lets what is being applied come to its end.
func (f *Follower) stop(ctx context.Context) error {
	if f.subscription == nil {
		return nil
	}
	if f.quit != nil {
		f.quit()
		f.watching.Wait()
	}
	return f.subscription.Stop(ctx)
}

func (f *Follower) following() bool { return f.subscription != nil && f.subscription.Err() == nil }

func (f *Follower) apply(ctx context.Context, e invalidation.Event) error {
	if err := f.cache.Heard(ctx, e); err != nil {
		f.metrics.failed.Inc() // it comes again, later each time
		return err
	}
	f.metrics.applied.Inc()
	f.metrics.lag.Observe(max(0, time.Since(e.Time).Seconds()))
	return nil
}

// flush drops nothing of what is at home here. That is right without events: a
// write marks what it changes, and its marker outlives it. To begin a new epoch
// would end every read for seconds, each time an instance starts, for what an event
// may have added to that; and that lasts ten minutes at most.
func (f *Follower) flush(ctx context.Context, gap invalidation.Gap) error {
	if f.horizon != nil && gap.Reason != invalidation.Silence { // nothing is missed by silence, and it shows as lag
		if err := f.cache.Missed(ctx); err != nil {
			return err
		}
	}
	f.metrics.gaps.WithLabelValues(string(gap.Reason)).Inc()
	if gap.Reason != invalidation.Began {
		f.log.Warn("events may have been missed", zap.String("reason", string(gap.Reason)))
	}
	return nil
}
