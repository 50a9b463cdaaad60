package chaos

import (
	"context"
	"math/rand/v2"
	"strings"
	"syscall"
	"time"

	"tandem.example/pkg/devstack"
)

func (s *scene) instances(role string) (names []string) {
	for _, i := range s.pair.Instances() {
		if i.Role == role {
			names = append(names, i.Name)
		}
	}
	return names
}

func resources(s *scene) []string { return s.instances(devstack.Resources) }
func auths(s *scene) []string     { return s.instances(devstack.Auth) }

// relays are all at once, since it is not known which of them publishes next.
func relays(s *scene) []string { return []string{strings.Join(resources(s), and)} }

func killInstance(ctx context.Context, s *scene, name string, r *rand.Rand) (string, error) {
	if err := s.pair.Kill(ctx, name); err != nil {
		return "", err
	}
	spell(ctx, r, 0, time.Second)
	return "", s.revive(ctx, name)
}

// pauseInstance stops one for longer than its markers are waited for, so that
// others decide what is to become of the writes that it was at.
func pauseInstance(ctx context.Context, s *scene, name string, r *rand.Rand) (string, error) {
	if err := s.pair.Signal(name, syscall.SIGSTOP); err != nil {
		return "", err
	}
	spell(ctx, r, pastDeadline, pastDeadline+2*time.Second)
	return "", s.wake(name)
}

const (
	pastDeadline = 5500 * time.Millisecond // of a marker
	armedFor     = 5 * time.Second         // as long as an instance may take to come by a point
)

// killAt has an instance die by its own hand at a point of its work.
func killAt(point string) func(context.Context, *scene, string, *rand.Rand) (string, error) {
	return func(ctx context.Context, s *scene, name string, r *rand.Rand) (string, error) {
		if err := s.arm(name, point+":kill:1:"); err != nil {
			return "", err
		}
		died := s.becomes(ctx, name, dead, armedFor)
		spell(ctx, r, 0, 300*time.Millisecond)
		if err := s.revive(ctx, name); err != nil {
			return "", err
		}
		if !died {
			return "", errMissed
		}
		return "", nil
	}
}

// killPublisher arms all of them: whoever publishes next dies.
func killPublisher(ctx context.Context, s *scene, all string, _ *rand.Rand) (string, error) {
	names := strings.Split(all, and)
	for _, name := range names {
		if err := s.arm(name, "publishing:kill:1:"); err != nil {
			return "", err
		}
	}
	victim := ""
	for began := time.Now(); victim == "" && time.Since(began) < armedFor && pause(ctx, 5*time.Millisecond); {
		for _, name := range names {
			if s.pair.State(name) == dead {
				victim = name
			}
		}
	}
	for _, name := range names {
		if err := s.disarm(name); err != nil {
			return victim, err
		}
	}
	pause(ctx, 100*time.Millisecond) // a second one may have come by before
	for _, name := range names {
		if s.pair.State(name) == dead {
			if err := s.revive(ctx, name); err != nil {
				return victim, err
			}
		}
	}
	if victim == "" {
		return "", errMissed
	}
	return victim, nil
}
