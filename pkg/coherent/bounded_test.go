package coherent

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// hearer is a process that hears news of another region's writes.
type hearer struct {
	*process
	late atomic.Bool
}

func (w *world) hearer() *hearer {
	w.t.Helper()
	h := &hearer{}
	h.process = w.process(func(c *Config) { c.Current = func() bool { return !h.late.Load() } })
	h.begin(w.t)
	return h
}

func (h *hearer) begin(t *testing.T) {
	t.Helper()
	eventually(t, "it begins", func() bool { return h.Begin(t.Context()) == nil })
}

// reads wants a version, from there.
func (h *hearer) reads(t *testing.T, id string, atLeast, version int64, from Source) {
	t.Helper()
	e, s, err := h.ReadBounded(t.Context(), thing(id), atLeast, h.elsewhere(id))
	if err != nil {
		t.Fatal(err)
	}
	if e.Version != version || s != from || string(e.Body) != bodyOf[version] {
		t.Errorf("version %d %q (%s), not %d (%s)", e.Version, e.Body, s.Status("c"), version, from.Status("c"))
	}
}

var bodyOf = map[int64]string{1: "first", 2: "second", 3: "third"}

// elsewhere loads what is at home in another region.
func (h *hearer) elsewhere(id string) Load {
	load := h.load(id)
	return func(ctx context.Context) (Entry, error) {
		e, err := load(ctx)
		e.Elsewhere = true
		return e, err
	}
}

func TestAnotherRegionsItemIsCachedUntilNewsCome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.hearer(), w.hearer()
	id := newID()
	one.insert(t, id)
	two.reads(t, id, 0, 1, Miss)
	two.reads(t, id, 0, 1, HitBounded)
	one.reads(t, id, 0, 1, HitBounded)
	one.console(t, id, "second")
	one.reads(t, id, 0, 1, HitBounded) // news are late: that is the bargain
	one.reads(t, id, 1, 1, HitBounded)
	one.reads(t, id, 2, 2, BypassToken) // whoever knows better gets better
	one.tell(t, newID(), id, 2)
	two.reads(t, id, 0, 2, Miss)
	one.reads(t, id, 2, 2, HitBounded)
}

func TestWhileNewsAreLateNothingOfAnotherRegionIsHit(t *testing.T) {
	t.Parallel()
	h := newWorld(t).hearer()
	id := newID()
	h.insert(t, id)
	h.reads(t, id, 0, 1, Miss)
	h.console(t, id, "second")
	h.late.Store(true)
	h.reads(t, id, 0, 2, BypassLag)
	h.late.Store(false)
	h.reads(t, id, 0, 1, HitBounded) // nobody has told
	h.tell(t, newID(), id, 2)
	h.reads(t, id, 0, 2, Miss)
}

// What was stored before a process began to hear may be older than news that it
// never heard. Those who did may read it all the same.
func TestNothingIsReadFromBeforeTheBeginning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.hearer()
	id, other := newID(), newID()
	h.insert(t, id)
	h.insert(t, other)
	h.reads(t, id, 0, 1, Miss)
	h.reads(t, other, 0, 1, Miss)
	h.console(t, id, "second") // and its event is lost
	h.begin(t)
	h.reads(t, id, 0, 2, Miss)
	h.reads(t, id, 0, 2, HitBounded)
	late := w.hearer()
	h.reads(t, other, 0, 1, Miss)
	late.reads(t, other, 0, 1, HitBounded)
	mute := w.process(func(c *Config) { c.Current = func() bool { return true } })
	if _, s, err := mute.ReadBounded(t.Context(), thing(other), 0, h.elsewhere(other)); err != nil || s.hit() {
		t.Errorf("a process that never began: %s, %v", s.Status("c"), err)
	}
}

// News that come while a reader is on its way to the database and back.
func TestNewsVoidAFillOfAnotherRegionsItem(t *testing.T) {
	t.Parallel()
	h := newWorld(t).hearer()
	id := newID()
	h.insert(t, id)
	load := h.elsewhere(id)
	for name, meanwhile := range map[string]func(){
		"news":        func() { h.tell(t, newID(), id, 2) },
		"a beginning": func() { h.begin(t) },
	} {
		_, _, err := h.ReadBounded(t.Context(), thing(id), 0, func(ctx context.Context) (Entry, error) {
			e, err := load(ctx)
			meanwhile()
			return e, err
		})
		if err != nil {
			t.Fatal(err)
		}
		h.reads(t, id, 0, 1, Miss) // what it read was not stored, or is not read
		h.tell(t, newID(), id, 2)
		if left := h.raw(t, thing(id).away()); strings.HasPrefix(left, "V") {
			t.Errorf("%s: %q is left", name, left)
		}
	}
}

// Writers tell of what they wrote, and nobody who was told reads anything older.
func TestNothingOlderThanTheNewsIsRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hearers := []*hearer{w.hearer(), w.hearer(), w.hearer()}
	id := newID()
	hearers[0].insert(t, id)
	var heard [3]atomic.Int64 // by each
	done := make(chan struct{})
	var reading sync.WaitGroup
	var hits atomic.Int64
	for n, h := range hearers {
		reading.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				least := heard[n].Load()
				e, s, err := h.ReadBounded(t.Context(), thing(id), 0, h.elsewhere(id))
				if err != nil {
					continue // a busy machine
				}
				if e.Version < least {
					t.Errorf("version %d (%s) after news of %d", e.Version, s.Status("c"), least)
				}
				if s == HitBounded {
					hits.Add(1)
				}
			}
		})
	}
	for version := int64(2); version < 60; version++ {
		hearers[0].console(t, id, "x")
		before := hits.Load()
		for n, h := range hearers {
			eventually(t, "it is told", func() bool {
				_, err := h.Drop(t.Context(), News{Version: version, Item: thing(id)})
				return err == nil
			})
			heard[n].Store(version)
			if version%7 == int64(n) {
				h.begin(t)
			}
		}
		eventually(t, "there are hits between writes", func() bool { return hits.Load() > before })
	}
	close(done)
	reading.Wait()
}
