package coherent

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"tandem.example/pkg/epoch"
)

const (
	janitorEvery = 10 * time.Second // also how long a turn lasts
	janitorLate  = 10 * time.Second // a reader or the writer itself is mostly quicker
	janitorBatch = 200
	janitorFor   = 5 * time.Second // for one write; it may be in the middle of its statement
	janitorFails = 3               // then the database is unwell, and left alone until the next turn
	pastEpochs   = 64              // a server that was away for longer has lost its data
)

// janitor resolves the markers that writers left on cells that nobody reads, and
// deletes those of epochs that are over. Every process has one; in a region one
// at a time has its turn to resolve, whoever comes first.
//
// It adds nothing to what may happen: a resolver may appear at any time, any
// number of times, and die at any step. So several at once, or one that goes on
// after its turn, cost questions and break nothing.
type janitor struct {
	cache  *Cache
	holder string // of the turn
	every  time.Duration
	late   time.Duration
	batch  int
	buried int64 // of every epoch before this one nothing is left
}

func (c *Cache) janitor() *janitor {
	return &janitor{cache: c, holder: newLease(), every: janitorEvery, late: janitorLate, batch: janitorBatch}
}

func (j *janitor) run(ctx context.Context) {
	for {
		timer := time.NewTimer(j.every + rand.N(j.every/2)) //nolint:gosec // jitter, not a secret
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		e, err := j.cache.cfg.Epochs.Current()
		if err != nil {
			continue // whoever keeps the epoch has said why
		}
		if err := j.sweep(ctx, e); err != nil && ctx.Err() == nil {
			j.cache.cfg.Log.Warn("markers not swept", zap.Error(err))
		}
	}
}

// sweep goes on until nothing overdue is left or the turn is over.
func (j *janitor) sweep(ctx context.Context, e *epoch.Epoch) error {
	if err := j.bury(ctx, e); err != nil {
		return err
	}
	for {
		now, err := inspect(ctx, e, j.holder, j.every, j.late, j.batch)
		if err != nil {
			return err
		}
		j.cache.metrics.registered(now)
		if len(now.overdue) == 0 {
			return nil
		}
		if err := j.resolveAll(ctx, e, now.overdue); err != nil {
			return err
		}
	}
}

// resolveAll gives up at the first failures. What it leaves is met again.
func (j *janitor) resolveAll(ctx context.Context, e *epoch.Epoch, names []string) (failed error) {
	fails := 0
	for len(names) > 0 {
		one := sameWrite(names)
		if err := j.resolve(ctx, e, one); err != nil {
			failed = err
			if fails++; fails == janitorFails || ctx.Err() != nil {
				break
			}
		}
		names = names[len(one):]
	}
	return failed
}

// sameWrite is how names begins: with all the markers of one write, since those
// have one deadline and their names one beginning.
func sameWrite(names []string) []string {
	first, ok := markerOf(names[0])
	if !ok {
		return names[:1]
	}
	for i, name := range names {
		if m, ok := markerOf(name); !ok || m.token != first.token {
			return names[:i]
		}
	}
	return names
}

// resolve settles one write on all its cells, with one question. It does not look
// whether the markers are there: if not, the answer changes nothing but the
// register.
func (j *janitor) resolve(ctx context.Context, e *epoch.Epoch, names []string) error {
	ctx, cancel := context.WithTimeout(ctx, janitorFor)
	defer cancel()
	cells := make([]Cell, len(names))
	var id uuid.UUID
	for i, name := range names {
		m, ok := markerOf(name)
		token, err := uuid.Parse(m.token)
		if !ok || err != nil {
			j.cache.cfg.Log.Error("register with a malformed name", zap.String("name", name))
			return deregister(ctx, e, names)
		}
		cells[i], id = m.cell, token
	}
	j.cache.metrics.markers.WithLabelValues("abandoned").Add(float64(len(cells)))
	if err := j.cache.resolve(ctx, e, cells, id, j.cache.cfg.Arbiter.Decide); err != nil {
		return fmt.Errorf("operation %s: %w", id, err)
	}
	return nil
}

// bury deletes the markers of the epochs before e, once. Nobody reads them, and
// their writers can do nothing any more, since each statement requires its epoch.
// What else those epochs stored expires.
func (j *janitor) bury(ctx context.Context, e *epoch.Epoch) error {
	first := max(1, e.Number()-pastEpochs)
	if 0 < j.buried && j.buried < first { // the number was raised by hand, by far
		if err := j.buryOne(ctx, e, j.buried); err != nil {
			return err
		}
	}
	for past := max(first, j.buried); past < e.Number(); past++ {
		if err := j.buryOne(ctx, e, past); err != nil {
			return err
		}
	}
	j.buried = e.Number()
	return nil
}

func (j *janitor) buryOne(ctx context.Context, e *epoch.Epoch, past int64) error {
	for {
		if err := e.Held(); err != nil { // only who holds a later epoch knows
			return err
		}
		n, err := forget(ctx, e, past, int64(j.batch))
		if err != nil {
			return epoch.Unavailable(err)
		}
		if n == 0 {
			return nil
		}
		j.cache.metrics.markers.WithLabelValues("buried").Add(float64(n))
	}
}

// Unsettled tells how long ago the oldest write was begun whose marker is still
// in any region's Redis, 0 if there is none. The rows of operations that old and
// younger may still be asked about. It returns [epoch.ErrUnavailable],
// [epoch.ErrNotReady] or [epoch.ErrLapsed] when that cannot be known, be it of one
// region alone.
func (c *Cache) Unsettled(ctx context.Context) (oldest time.Duration, err error) {
	regions, err := c.cfg.Regions.Everywhere()
	if err != nil {
		return 0, err
	}
	for _, e := range regions {
		now, err := inspect(ctx, e, "", 0, 0, 0)
		if err != nil {
			return 0, err
		}
		oldest = max(oldest, now.age)
	}
	return oldest, nil
}
