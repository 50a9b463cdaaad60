package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// fault is one kind of harm. Do does it, and leaves nothing of it behind when it
// returns, also when ctx ends before; it says what was done.
type fault struct {
	name string
	do   func(context.Context, *scene, *rand.Rand) (string, error)
}

// injection is a fault that was done.
type injection struct {
	span
	name, how string
	down      time.Duration // while it went on, and until the next
}

// catalogue is every kind, in the order of a campaign's first round.
func catalogue() []fault {
	return []fault{
		{"instance killed", killInstance},
		{"instance killed at a point", armInstance},
		{"instance stopped after mark, then killed", stallInstance},
		{"instance paused past its markers' deadline", pauseInstance},
		{"redis killed, restarted empty", emptyRedis},
		{"redis killed, restarted from an old dump", oldRedis},
		{"replica promoted, old primary still answers", promoteReplica},
		{"nats killed", killNATS},
		{"database killed", killDatabase},
		{"database stopped", pauseDatabase},
		{"writes fail with 40001 (PostgreSQL)", forceRetries},
		{"link cut", cutLink},
		{"link reset", resetLink},
		{"link delayed", delayLink},
		{"link stalled", stallLink},
	}
}

// chosen are those whose name contains one of the words, or all.
func chosen(words string) (kinds []fault) {
	for _, f := range catalogue() {
		if words == "" || slices.ContainsFunc(strings.Split(words, ","), func(w string) bool { return strings.Contains(f.name, w) }) {
			kinds = append(kinds, f)
		}
	}
	return kinds
}

// plague does one fault after the other until ctx ends, in rounds that have each
// kind once, in an order of their own.
func (s *scene) plague(ctx context.Context, kinds []fault, r *rand.Rand) (all []injection, err error) {
	for len(kinds) > 0 {
		for _, n := range r.Perm(len(kinds)) {
			if !pause(ctx, time.Duration(200+r.IntN(800))*time.Millisecond) {
				return all, nil
			}
			f := kinds[n]
			done := injection{name: f.name}
			done.begin = s.clock.now()
			how, err := f.do(ctx, s, r)
			done.end, done.how = s.clock.now(), how
			all = append(all, done)
			s.say("%7.2f s  %s: %s", float64(done.begin)/1e9, f.name, how)
			if err != nil {
				return all, fmt.Errorf("%s: %w", f.name, err)
			}
		}
	}
	<-ctx.Done()
	return all, nil
}

// spell is how long a fault lasts.
func spell(ctx context.Context, r *rand.Rand, least, most time.Duration) {
	pause(ctx, least+time.Duration(r.Int64N(int64(most-least))))
}
