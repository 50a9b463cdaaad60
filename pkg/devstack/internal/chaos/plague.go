package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const and = "+" // between the names of things that a fault needs all of

// plague does faults to a pair. It is safe for concurrent use.
type plague struct {
	*scene
	kinds []fault

	mu   sync.Mutex // guards all below
	held map[string]bool
	done []injection
}

// rage does so until ctx ends: one fault at a time, each after the pair has
// recovered from the one before, or with overlaps.
func (p *plague) rage(ctx context.Context) error {
	if len(p.kinds) == 0 {
		<-ctx.Done()
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	for n := range max(1, p.Overlap) {
		r := rand.New(rand.NewPCG(p.Seed, 1<<32+uint64(n))) //nolint:gosec // reproducible on purpose
		group.Go(func() error { return p.rounds(ctx, r) })
	}
	return group.Wait()
}

// rounds have each kind once, in an order of their own.
func (p *plague) rounds(ctx context.Context, r *rand.Rand) error {
	for {
		for _, n := range r.Perm(len(p.kinds)) {
			if !pause(ctx, time.Duration(200+r.IntN(800))*time.Millisecond) {
				return nil
			}
			f := p.kinds[n]
			thing := p.take(f, r)
			if thing == "" {
				continue // whatever it could be done to has a fault already
			}
			err := p.inject(ctx, f, thing, r)
			p.free(thing)
			if err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
		}
	}
}

func (p *plague) inject(ctx context.Context, f fault, thing string, r *rand.Rand) error {
	i := injection{name: f.name}
	instances := append(resources(p.scene), auths(p.scene)...)
	affected := slices.DeleteFunc(strings.Split(thing, and), func(part string) bool { return !slices.Contains(instances, part) })
	if err := p.nurse(ctx, affected); err != nil {
		return err
	}
	i.begin = p.clock.now()
	how, err := f.do(ctx, p.scene, thing, r)
	if errors.Is(err, errMissed) {
		i.missed, err, how = true, nil, how+" "+errMissed.Error()
	}
	p.say("%7.2f s  %s: %s %s", float64(i.begin)/1e9, f.name, thing, how)
	if p.Overlap <= 1 {
		p.tally.awaitCalm(ctx, p.clock)
	}
	i.end = p.clock.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = append(p.done, i)
	return err
}

// take chooses a thing that no other fault is done to, and keeps others off.
func (p *plague) take(f fault, r *rand.Rand) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	things := f.things(p.scene)
	for _, n := range r.Perm(len(things)) {
		parts := strings.Split(things[n], and)
		if slices.ContainsFunc(parts, func(part string) bool { return p.held[part] }) {
			continue
		}
		for _, part := range parts {
			p.held[part] = true
		}
		return things[n]
	}
	return ""
}

func (p *plague) free(thing string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for part := range strings.SplitSeq(thing, and) {
		delete(p.held, part)
	}
}
