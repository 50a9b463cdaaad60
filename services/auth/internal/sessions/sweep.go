package sessions

import (
	"context"
	"time"

	"go.uber.org/zap"
)

const (
	sweepEvery = 10 * time.Minute
	sweepPage  = 1000
)

// Cemetery forgets tombstones that have outlived what they ended;
// *bearer.Tombstones does.
type Cemetery interface {
	Clear(ctx context.Context, limit int) (int64, error)
}

// Sweeper keeps the tombstones from growing without end. Every instance has
// one; they do not get in each other's way.
type Sweeper struct {
	cemetery Cemetery
	log      *zap.Logger
	cancel   context.CancelFunc
	done     chan struct{}
}

// NewSweeper makes a sweeper; Start makes it work.
func NewSweeper(cemetery Cemetery, log *zap.Logger) *Sweeper {
	return &Sweeper{cemetery: cemetery, log: log.Named("sweeper"), done: make(chan struct{})}
}

// Start works in the background until Stop.
func (s *Sweeper) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() {
		defer close(s.done)
		tick := time.NewTicker(sweepEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				s.sweep(ctx)
			}
		}
	}()
}

// Stop waits for the page in hand.
func (s *Sweeper) Stop() {
	s.cancel()
	<-s.done
}

func (s *Sweeper) sweep(ctx context.Context) {
	for {
		n, err := s.cemetery.Clear(ctx, sweepPage)
		if err != nil && ctx.Err() == nil {
			s.log.Warn("tombstones not cleared", zap.Error(err))
		}
		if err != nil || n < sweepPage {
			return
		}
	}
}
