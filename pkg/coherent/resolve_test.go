package coherent

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
)

// silent is an arbiter that does not answer in time.
type silent struct{ asked atomic.Int64 }

func (s *silent) Decide(ctx context.Context, _ uuid.UUID) (Outcome, error) {
	s.asked.Add(1)
	<-ctx.Done()
	return Outcome{}, ctx.Err()
}

// Many readers meet one overdue marker while the arbiter is slow. They must not
// take the room of the writers who unmark, and none of them waits.
func TestReadersOfAnOverdueMarkerDoNotPileUp(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id := newID()
	p.insert(t, id)
	arbiter := &silent{}
	p.cfg.Arbiter = arbiter
	p.abandon(t, id, 0)
	for range 20 {
		if _, s := p.read(t, id); s != BypassMarked {
			t.Fatalf("while marked: %s", s.Cause())
		}
		if n := len(p.slots); n > 1 {
			t.Fatalf("%d resolve one marker", n)
		}
	}
	eventually(t, "it was given up", func() bool { return len(p.slots) == 0 })
	begun := arbiter.asked.Load()
	eventually(t, "a later reader tries again", func() bool { p.read(t, id); return arbiter.asked.Load() > begun })
}

func TestAReadDoesNotWaitForRoomToResolve(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id := newID()
	p.insert(t, id)
	arbiter := &silent{}
	p.cfg.Arbiter = arbiter
	p.abandon(t, id, 0)
	for range behindOpen {
		p.slots <- struct{}{}
	}
	if _, s := p.read(t, id); s != BypassMarked || arbiter.asked.Load() != 0 {
		t.Fatalf("%s, and the arbiter was asked %d times", s.Cause(), arbiter.asked.Load())
	}
	for range behindOpen {
		<-p.slots
	}
	eventually(t, "a later reader tries", func() bool { p.read(t, id); return arbiter.asked.Load() > 0 })
}

// A writer unmarks by itself if there is no room to do it behind the answer.
func TestAWriterWithoutRoomUnmarksItself(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id := newID()
	p.insert(t, id)
	for range behindOpen {
		p.slots <- struct{}{}
	}
	p.write(t, id, "second")
	if e, s := p.read(t, id); s != Hit || e.Version != 2 {
		t.Fatalf("%s %d", s.Outcome(), e.Version)
	}
	for range behindOpen {
		<-p.slots
	}
}
