package sessions

import (
	"context"
	"time"

	"go.uber.org/zap"
)

const (
	sweepEvery = time.Minute
	sweepPage  = 1000
)

// Cemetery forgets tombstones that have outlived what they ended;
// *bearer.Tombstones does.
type Cemetery interface {
	Clear(ctx context.Context, limit int) (int64, error)
}

// Resumer finishes ends that were begun; *Store does.
type Resumer interface {
	Resume(ctx context.Context) (more bool, err error)
}

// Sweeper finishes what others left undone, and keeps the tables from growing
// without end. Every instance has one; they do not get in each other's way.
type Sweeper struct {
	cemetery Cemetery
	resumer  Resumer
	log      *zap.Logger
	cancel   context.CancelFunc
	done     chan struct{}
}

// NewSweeper makes a sweeper; Start makes it work.
func NewSweeper(cemetery Cemetery, resumer Resumer, log *zap.Logger) *Sweeper {
	return &Sweeper{cemetery: cemetery, resumer: resumer, log: log.Named("sweeper"), done: make(chan struct{})}
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
	s.work(ctx, "ended sessions not cleared away", s.resumer.Resume)
	s.work(ctx, "tombstones not cleared away", func(ctx context.Context) (bool, error) {
		n, err := s.cemetery.Clear(ctx, sweepPage)
		return n == sweepPage, err
	})
}

// work goes on page by page until there is no more, or something is in the way.
func (s *Sweeper) work(ctx context.Context, failure string, page func(context.Context) (more bool, err error)) {
	for more := true; more; {
		var err error
		if more, err = page(ctx); err != nil {
			if ctx.Err() == nil {
				s.log.Warn(failure, zap.Error(err))
			}
			return
		}
	}
}
