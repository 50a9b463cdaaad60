package audit

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

const (
	pruneEvery = 10 * time.Minute
	prunePage  = 1000
)

// Pruner deletes entries when their time is over. Every instance has one; they
// do not get in each other's way.
type Pruner struct {
	log     *Log
	keep    time.Duration
	logger  *zap.Logger
	deleted prometheus.Counter
	cancel  context.CancelFunc
	done    chan struct{}
}

// NewPruner makes a pruner; Start makes it work.
func NewPruner(cfg Config, log *Log, logger *zap.Logger, reg prometheus.Registerer) *Pruner {
	p := &Pruner{
		log: log, keep: time.Duration(cfg.RetentionDays) * 24 * time.Hour, logger: logger.Named("audit"), done: make(chan struct{}),
		deleted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "audit_pruned_total", Help: "Entries deleted at the end of their time.",
		}),
	}
	reg.MustRegister(p.deleted)
	return p
}

// Start works in the background until Stop.
func (p *Pruner) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() {
		defer close(p.done)
		tick := time.NewTicker(pruneEvery)
		defer tick.Stop()
		for {
			p.Prune(ctx)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
}

// Stop waits for the page in hand.
func (p *Pruner) Stop() {
	p.cancel()
	<-p.done
}

// Prune deletes what is due, page by page.
func (p *Pruner) Prune(ctx context.Context) {
	for n := int64(prunePage); n == prunePage; {
		var err error
		if n, err = p.log.Prune(ctx, p.keep, prunePage); err != nil {
			if ctx.Err() == nil {
				p.logger.Warn("old audit entries not deleted", zap.Error(err))
			}
			return
		}
		p.deleted.Add(float64(n))
	}
}
