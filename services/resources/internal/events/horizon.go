package events

import (
	"context"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Horizon is how much this process has heard: every change, of any region, that
// was acknowledged before a time. It is safe for concurrent use.
type Horizon struct {
	bound time.Duration
	heard atomic.Pointer[time.Time]
}

// Within tells whether that time is no longer ago than the bound.
func (h *Horizon) Within() bool {
	heard := h.heard.Load()
	return heard != nil && time.Since(*heard) <= h.bound
}

// behind is how long ago it is, in seconds; a day if nothing is known.
func (h *Horizon) behind() float64 {
	heard := h.heard.Load()
	if heard == nil {
		return (24 * time.Hour).Seconds()
	}
	return time.Since(*heard).Seconds()
}

func (h *Horizon) reach(t time.Time) {
	if heard := h.heard.Load(); heard == nil || t.After(*heard) {
		h.heard.Store(&t)
	}
}

// Unannounced tells how long ago the oldest change was begun that is not in the
// stream yet; 0 if all are.
type Unannounced func(context.Context) (time.Duration, error)

// watch moves the horizon until ctx ends.
func (f *Follower) watch(ctx context.Context) {
	tick := time.NewTicker(min(f.horizon.bound/10, time.Second))
	defer tick.Stop()
	for {
		f.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look takes the time first. What was acknowledged before that is then in the
// stream, or seen to be on its way there; and what the stream has when it is asked
// after that comes to be applied. What cannot be known leaves the horizon where it
// is.
func (f *Follower) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, f.horizon.bound)
	defer cancel()
	at := time.Now()
	waiting, err := f.unannounced(ctx)
	if err == nil {
		err = f.subscription.CaughtUp(ctx)
	}
	if err != nil {
		f.log.Debug("it is not known what is announced and heard", zap.Error(err))
		return
	}
	f.horizon.reach(at.Add(-waiting))
}
