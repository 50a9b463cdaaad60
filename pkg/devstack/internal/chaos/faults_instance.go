package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"
)

func (s *scene) anyResources(r *rand.Rand) string {
	return fmt.Sprintf("resources-%d", 1+r.IntN(s.instances))
}

func killInstance(ctx context.Context, s *scene, r *rand.Rand) (string, error) {
	name := s.anyResources(r)
	if r.IntN(6) == 0 {
		name = "auth"
	}
	if err := s.pair.Kill(ctx, name); err != nil {
		return name, err
	}
	spell(ctx, r, 0, time.Second)
	return name, s.start(ctx, name)
}

func pauseInstance(ctx context.Context, s *scene, r *rand.Rand) (string, error) {
	name := s.anyResources(r)
	if err := s.pair.Signal(name, syscall.SIGSTOP); err != nil {
		return name, err
	}
	spell(ctx, r, pastDeadline, pastDeadline+2*time.Second)
	return name, s.pair.Signal(name, syscall.SIGCONT)
}

const (
	pastDeadline = 5500 * time.Millisecond // of a marker
	armedFor     = 6 * time.Second         // as long as an instance may take to come by a point
)

// armInstance restarts an instance that dies by its own hand at a point of its
// work, and then starts it again unarmed.
func armInstance(ctx context.Context, s *scene, r *rand.Rand) (string, error) {
	points := [...]string{"marked", "written", "unmarking", "publishing"}
	name, point := s.anyResources(r), points[r.IntN(len(points))]
	died, err := s.armed(ctx, name, fmt.Sprintf("%s:kill:%d", point, 1+r.IntN(30)), 0)
	how := fmt.Sprintf("%s, %s", name, point)
	if !died {
		how += " (did not come by)"
	}
	return how, err
}

// stallInstance has one stop with a write marked and not yet sent, which it
// sends a good while later, only to die before it can say so.
func stallInstance(ctx context.Context, s *scene, r *rand.Rand) (string, error) {
	name := s.anyResources(r)
	rest := time.Duration(1200+r.IntN(2500)) * time.Millisecond
	if r.IntN(4) == 0 {
		rest = pastDeadline // then somebody has decided against the write
	}
	died, err := s.armed(ctx, name, fmt.Sprintf("marked:stop:%d,written:kill:1", 1+r.IntN(12)), rest)
	if !died {
		name += " (did not come by)"
	}
	return name, err
}

// armed runs an instance until it has died of its mines. One that stops goes on
// after a rest.
func (s *scene) armed(ctx context.Context, name, mines string, rest time.Duration) (died bool, err error) {
	if err := s.pair.Kill(ctx, name); err != nil {
		return false, err
	}
	if err := s.pair.Start(context.WithoutCancel(ctx), name, "CHAOS_AT="+mines); err != nil {
		return false, err
	}
	for began := time.Now(); time.Since(began) < armedFor && pause(ctx, 20*time.Millisecond); {
		if died = s.pair.State(name) == 0; died {
			break
		}
		if s.pair.State(name) == 'T' {
			pause(ctx, rest)
			if err := s.pair.Signal(name, syscall.SIGCONT); err != nil {
				return false, err
			}
			began = time.Now()
		}
	}
	if err := s.pair.Kill(ctx, name); err != nil {
		return died, err
	}
	return died, s.start(ctx, name)
}
