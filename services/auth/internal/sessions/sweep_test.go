package sessions

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// cemetery holds so many expired tombstones, and then the database is down. With
// ends it is the same.
type cemetery struct{ stones, rounds, ends, resumed atomic.Int64 }

func (c *cemetery) Resume(context.Context) (bool, error) {
	c.resumed.Add(1)
	if c.ends.Load() == 0 {
		return false, errors.New("down")
	}
	return c.ends.Add(-1) > 0, nil
}

func (c *cemetery) Clear(_ context.Context, limit int) (int64, error) {
	c.rounds.Add(1)
	n := min(c.stones.Load(), int64(limit))
	if c.stones.Add(-n); n == 0 {
		return 0, errors.New("down")
	}
	return n, nil
}

func TestSweeperClearsPageByPageAndGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c cemetery
		c.stones.Store(2*sweepPage + 3)
		c.ends.Store(4)
		s := NewSweeper(&c, &c, zap.NewNop())
		s.Start()
		pass(sweepEvery)
		if left, rounds := c.stones.Load(), c.rounds.Load(); left != 0 || rounds != 3 {
			t.Errorf("%d are left after %d pages", left, rounds)
		}
		if left, rounds := c.ends.Load(), c.resumed.Load(); left != 0 || rounds != 4 {
			t.Errorf("%d are left after %d rounds", left, rounds)
		}
		pass(3 * sweepEvery) // the database is down
		c.stones.Store(1)
		c.ends.Store(1)
		pass(sweepEvery)
		if c.stones.Load() != 0 || c.ends.Load() != 0 {
			t.Error("an error has ended the sweeping")
		}
		s.Stop()
	})
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
