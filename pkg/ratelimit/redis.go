package ratelimit

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/epoch"
)

//go:embed gcra.lua
var gcraLua string

var gcraScript = redis.NewScript(gcraLua)

// Epochs gives the Redis that counts now; *epoch.Keeper is one.
type Epochs interface {
	Current() (*epoch.Epoch, error)
}

// Limiter counts. It is safe for concurrent use.
type Limiter struct {
	epochs  Epochs
	refused *prometheus.CounterVec
}

// New makes a limiter. Reg may be nil.
func New(epochs Epochs, reg prometheus.Registerer) *Limiter {
	l := &Limiter{epochs, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ratelimit_refusals_total", Help: "Attempts that a limit refused, by the limit's name.",
	}, []string{"limit"})}
	if reg != nil {
		reg.MustRegister(l.refused)
	}
	return l
}

// What the script is asked to do.
const (
	actLook     = 0
	actTake     = 1
	actGiveBack = -1
)

// Take counts one more against every limit, or against none if one refuses. It
// returns where they stand, and an [*ExceededError] or a 503.
func (l *Limiter) Take(ctx context.Context, charges ...Charge) ([]State, error) {
	states, err := l.run(ctx, actTake, charges)
	if err != nil {
		return nil, err
	}
	err = exceeded(states)
	for _, s := range states {
		if s.Wait > 0 {
			l.refused.WithLabelValues(s.Limit.Name).Inc()
		}
	}
	return states, err
}

// Look is [Limiter.Take] without counting.
func (l *Limiter) Look(ctx context.Context, charges ...Charge) ([]State, error) {
	states, err := l.run(ctx, actLook, charges)
	if err != nil {
		return nil, err
	}
	return states, exceeded(states)
}

// GiveBack undoes one Take of these charges. It returns a 503.
func (l *Limiter) GiveBack(ctx context.Context, charges ...Charge) error {
	_, err := l.run(ctx, actGiveBack, charges)
	return err
}

// run makes one round trip.
func (l *Limiter) run(ctx context.Context, act int, charges []Charge) ([]State, error) {
	e, err := l.epochs.Current()
	if err != nil {
		return nil, err
	}
	keys, args := make([]string, len(charges)), make([]any, 1, 1+2*len(charges))
	args[0] = act
	for i, c := range charges {
		keys[i] = c.key
		args = append(args, c.Limit.interval().Microseconds(), c.Limit.burst().Microseconds())
	}
	reply, err := gcraScript.Run(ctx, e.Redis(), keys, args...).Int64Slice()
	if err != nil {
		return nil, fmt.Errorf("count attempts: %w", epoch.Unavailable(err))
	}
	if err := e.Held(); err != nil {
		return nil, err
	}
	states := make([]State, len(charges))
	for i, c := range charges {
		ahead, wait := time.Duration(reply[2*i])*time.Microsecond, time.Duration(reply[2*i+1])*time.Microsecond
		states[i] = State{Limit: c.Limit, Remaining: int((c.Limit.burst() - ahead) / c.Limit.interval()), Reset: ahead, Wait: wait}
	}
	return states, nil
}
