package chaos

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// orders is the file that tells an instance at which points of its work to stop
// or die; see package sabotage.
func (s *scene) orders(instance string) string { return filepath.Join(s.dir, instance+".orders") }

// arm lays mines in place of those that were there.
func (s *scene) arm(instance, mines string) error {
	part := s.orders(instance) + ".part"
	return errors.Join(os.WriteFile(part, []byte(mines), 0o600), os.Rename(part, s.orders(instance)))
}

// disarm takes them away. One may go off a moment later still.
func (s *scene) disarm(instance string) error {
	if err := os.Remove(s.orders(instance)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

const (
	stopped = 'T'
	dead    = 0
)

// becomes waits until an instance's process is in a state.
func (s *scene) becomes(ctx context.Context, instance string, state byte, within time.Duration) bool {
	for began := time.Now(); time.Since(began) < within; {
		if s.pair.State(instance) == state {
			return true
		}
		if !pause(ctx, 5*time.Millisecond) {
			return false
		}
	}
	return false
}

// revive has an instance run again, whatever state it is in, and unarmed. One
// that ended without having been killed is a finding.
func (s *scene) revive(ctx context.Context, instance string) error {
	ctx = context.WithoutCancel(ctx)
	if err := s.pair.Crashed(instance); err != nil {
		s.say("%s has crashed: %v", instance, err)
		s.crash(instance)
	}
	return errors.Join(s.disarm(instance), s.pair.Kill(ctx, instance), s.pair.Start(ctx, instance))
}

// nurse revives those of the instances that are dead: a mine may have gone off
// after its fault was over.
func (s *scene) nurse(ctx context.Context, instances []string) (err error) {
	for _, name := range instances {
		if s.pair.State(name) == dead {
			err = errors.Join(err, s.revive(ctx, name))
		}
	}
	return err
}

func (s *scene) crash(instance string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crashes = append(s.crashes, instance+" ended without having been killed")
}

// wake lets a stopped instance go on.
func (s *scene) wake(instance string) error { return s.pair.Signal(instance, syscall.SIGCONT) }
