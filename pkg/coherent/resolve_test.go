package coherent

import (
	"context"
	"sync"
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

// counted is an arbiter that answers when it is told to.
type counted struct {
	asked  atomic.Int64
	answer chan struct{}
}

func (a *counted) Decide(ctx context.Context, _ uuid.UUID) (Outcome, error) {
	a.asked.Add(1)
	select {
	case <-a.answer:
		return Outcome{Version: 7}, nil
	case <-ctx.Done():
		return Outcome{}, ctx.Err()
	}
}

func TestReadersAskAboutATokenOnce(t *testing.T) {
	t.Parallel()
	arbiter := &counted{answer: make(chan struct{})}
	c := New(Config{Arbiter: arbiter})
	id, other := newToken(), newToken()
	var asking sync.WaitGroup
	var begun atomic.Int64
	ask := func(id uuid.UUID) {
		asking.Go(func() {
			begun.Add(1)
			if o, err := c.decide(t.Context(), id); err != nil || o.Version != 7 {
				t.Errorf("%v, %v", o, err)
			}
		})
	}
	ask(other)
	ask(id)
	eventually(t, "both tokens are asked about", func() bool { return arbiter.asked.Load() == 2 })
	for range 50 {
		ask(id)
	}
	eventually(t, "all have begun", func() bool { return begun.Load() == 52 })
	if n := arbiter.asked.Load(); n != 2 {
		t.Errorf("asked %d times about two tokens", n)
	}
	close(arbiter.answer)
	asking.Wait()
}
