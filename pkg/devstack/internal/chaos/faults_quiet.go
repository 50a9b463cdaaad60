package chaos

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A resource that nobody else writes shows for long what a busy one shows for
// a moment, until the next write covers it. So these faults bring their own.

const quietFor = 2 * time.Second // as long as one step may take

// quiet is such a resource, and those who are with it.
type quiet struct {
	*hand
	id     string
	victim int   // the instance that the fault is done to
	others []int // the rest
}

func (s *scene) quiet(ctx context.Context, name string, r *rand.Rand) (q quiet, ok bool) {
	all := resources(s)
	q.hand = s.traders.hand(ctx, 100+int(s.guests.Add(1)), r)
	q.victim = slices.Index(all, name)
	for n := range all {
		if n != q.victim {
			q.others = append(q.others, n)
		}
	}
	for began := time.Now(); time.Since(began) < quietFor; {
		if made, status := q.create(ctx, q.other()); status == http.StatusCreated {
			q.id = made.ID
			return q, true
		}
		if !pause(ctx, backOff) {
			break
		}
	}
	return q, false
}

func (q quiet) other() int { return q.others[q.r.IntN(len(q.others))] }

// write tries for a while to have a write acknowledged.
func (q quiet) write(ctx context.Context) bool {
	for began := time.Now(); time.Since(began) < quietFor; {
		if q.do(ctx, q.other(), q.id, itemOp{kind: put, value: q.value()}) == http.StatusOK {
			return true
		}
		if !pause(ctx, backOff) {
			break
		}
	}
	return false
}

// read has all of these instances read, one time in four without the cache,
// until the time is over. It tells whether enough was answered to show anything.
func (q quiet) read(ctx context.Context, via []int, d time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var readers sync.WaitGroup
	var answered atomic.Int64
	for _, n := range via {
		for fresh := range 2 {
			r := rand.New(rand.NewPCG(q.r.Uint64(), 0)) //nolint:gosec // drawn from what was drawn by the seed
			readers.Go(func() {
				for h := q.with(r); pause(ctx, 3*time.Millisecond); {
					op := itemOp{kind: read, fresh: fresh == 1 && r.IntN(2) == 0}
					if h.do(context.WithoutCancel(ctx), n, q.id, op) == http.StatusOK {
						answered.Add(1)
					}
				}
			})
		}
	}
	readers.Wait()
	return answered.Load() >= enough
}

const enough = 20 // answers

// stopWriter has an instance stop with a write marked and not yet sent, which it
// sends a good while later, only to die before it can take its marker off.
func stopWriter(ctx context.Context, s *scene, name string, r *rand.Rand) (string, error) {
	q, ok := s.quiet(ctx, name, r)
	if !ok {
		return "", errMissed
	}
	q.read(ctx, q.others, 50*time.Millisecond) // now it is in the cache
	if err := s.arm(name, "marked:stop:1:"+q.id+",written:kill:1:"+q.id); err != nil {
		return "", err
	}
	var writer sync.WaitGroup
	defer writer.Wait()
	writer.Go(func() { q.with(nil).do(ctx, q.victim, q.id, itemOp{kind: put, value: q.value()}) })
	if !s.becomes(ctx, name, stopped, quietFor) {
		return "", s.missed(ctx, name)
	}
	rest := 1200*time.Millisecond + time.Duration(r.Int64N(int64(time.Second)))
	if r.IntN(4) == 0 {
		rest = pastDeadline // then somebody has decided against the write
	}
	q.read(ctx, q.others, rest)
	if err := s.wake(name); err != nil {
		return "", err
	}
	died := s.becomes(ctx, name, dead, quietFor)
	saw := q.read(ctx, q.others, time.Second)
	if err := s.revive(ctx, name); err != nil {
		return "", err
	}
	if !died || !saw {
		return "", errMissed
	}
	return "", nil
}

// stopReader has an instance stop with a value read from the database and not
// yet filled in, which it is to fill in after somebody has written a newer one.
func stopReader(ctx context.Context, s *scene, name string, r *rand.Rand) (string, error) {
	q, ok := s.quiet(ctx, name, r)
	if !ok {
		return "", errMissed
	}
	if err := s.arm(name, "filling:stop:1:"+q.id); err != nil {
		return "", err
	}
	var reader sync.WaitGroup
	defer reader.Wait()
	reader.Go(func() { q.with(nil).do(ctx, q.victim, q.id, itemOp{kind: read}) })
	if !s.becomes(ctx, name, stopped, quietFor) {
		return "", s.missed(ctx, name)
	}
	wrote := q.write(ctx)
	q.read(ctx, q.others, time.Duration(r.Int64N(int64(time.Second))))
	if err := s.wake(name); err != nil {
		return "", err
	}
	saw := q.read(ctx, append(q.others, q.victim), time.Second)
	if err := s.disarm(name); err != nil {
		return "", err
	}
	if !wrote || !saw {
		return "", errMissed
	}
	return "", nil
}

// missed puts an instance right that did not come by its mines in time, though
// it may have since.
func (s *scene) missed(ctx context.Context, name string) error {
	if err := s.revive(ctx, name); err != nil {
		return err
	}
	return errMissed
}
