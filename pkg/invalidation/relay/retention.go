package relay

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"go.uber.org/zap"
)

const (
	// retainFor is how long a row stays at least after its work is done. It must
	// outlive any statement that may still arrive for it, whose fate it decided;
	// and for so long changes can be announced again to a stream that was lost.
	retainFor = 48 * time.Hour
	// askedMargin is how much older than the oldest question the youngest row is
	// that goes: Redis and the database tell ages by clocks of their own.
	askedMargin = time.Hour
	tidyEvery   = time.Minute
	tidyRows    = 1000 // of one shard, in one statement
	tidyAgain   = time.Second
	tidyWithin  = 10 * time.Second
)

// Asked tells how long ago the oldest operation was begun whose outcome somebody
// may still ask for, 0 if nobody will. Its row and all younger ones are kept. On
// an error all are. It speaks for all who write to the table: with several regions
// that is the oldest of any.
type Asked func(context.Context) (time.Duration, error)

// retain deletes what has been kept for long enough. It is a goroutine of its
// own, since no change should wait for that.
func (r *Relay) retain(wait context.Context) {
	pause := r.tuning.tidyEvery
	for {
		timer := time.NewTimer(pause + rand.N(pause/4+1)) //nolint:gosec // jitter, not a secret
		select {
		case <-wait.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		pause = r.tuning.tidyEvery
		more, err := r.tidy(wait)
		switch {
		case err != nil && wait.Err() == nil:
			r.cfg.Log.Warn("old rows not deleted", zap.Error(err))
		case more:
			pause = min(pause, tidyAgain)
		}
	}
}

// tidy deletes from each shard that this relay holds, a little at a time, and
// tells whether there is more. A shard that it has lost meanwhile does no harm:
// two may delete the same.
func (r *Relay) tidy(ctx context.Context) (more bool, err error) {
	held := r.held.Load()
	if held == nil {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, tidyWithin)
	defer cancel()
	if slices.Contains(*held, 0) { // one of all relays
		if more, err = r.store.expire(ctx, r.slice, tidyRows); err != nil {
			return false, err
		}
		if !more {
			r.slice = (r.slice + 1) % keySlices
		}
	}
	keep := retainFor
	if r.cfg.Asked != nil {
		age, err := r.cfg.Asked(ctx)
		if err != nil {
			return false, err
		}
		if age > 0 {
			keep = max(keep, age+askedMargin)
		}
	}
	for _, shard := range *held {
		n, left, err := r.store.tidy(ctx, shard, keep, tidyRows) // model: core.pml, CLEAN UP
		r.metrics.deleted.Add(float64(n))
		if err != nil {
			return false, err
		}
		more = more || left
	}
	return more, nil
}
