package coherent

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// raw is what Redis holds of a cell.
func (p *process) raw(t *testing.T, cell Cell) string {
	t.Helper()
	e := p.epoch(t)
	stored, err := e.Redis().Get(t.Context(), keys(e, cell)[0]).Result()
	if err != nil {
		return ""
	}
	return stored
}

// Two releases run side by side, and store bodies that the other cannot read.
func TestARollingUpgrade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	older, newer := w.process(), w.process(func(c *Config) { c.Codec = '2' })
	for name, pair := range map[string][2]*process{"the older fills": {older, newer}, "the newer fills": {newer, older}} {
		mine, theirs := pair[0], pair[1]
		id := newID()
		mine.insert(t, id)
		if _, s := mine.read(t, id); s != Miss {
			t.Errorf("%s: %s", name, s.Status("x"))
		}
		before := mine.raw(t, thing(id))
		for range 2 {
			if e, s := theirs.read(t, id); s != MissForeign || e.Version != 1 || string(e.Body) != "first" {
				t.Errorf("%s: the other read version %d %q: %s", name, e.Version, e.Body, s.Status("x"))
			}
		}
		if _, s := mine.read(t, id); s != Hit || mine.raw(t, thing(id)) != before {
			t.Errorf("%s: the other has replaced it: %s, %q", name, s.Status("x"), mine.raw(t, thing(id)))
		}
		// What the other writes is older to nobody, in whatever codec.
		theirs.write(t, id, "second")
		for _, p := range pair {
			if e, s := p.read(t, id); e.Version != 2 || string(e.Body) != "second" {
				t.Errorf("%s: after a write: version %d: %s", name, e.Version, s.Status("x"))
			}
		}
		eventually(t, "the writer hits it", func() bool { _, s := theirs.read(t, id); return s == Hit })
		if e, s := mine.read(t, id); s != MissForeign || e.Version != 2 {
			t.Errorf("%s: after a write: version %d: %s", name, e.Version, s.Status("x"))
		}
		// A late unmark compares versions across codecs.
		e := mine.epoch(t)
		if err := mine.codec.unmark(t.Context(), e, []Cell{thing(id)}, "lost", thing(id), Entry{Version: 1, Body: []byte("old")}); err != nil {
			t.Fatal(err)
		}
		if _, s := theirs.read(t, id); s != Hit {
			t.Errorf("%s: an older version dropped a newer one: %s", name, s.Status("x"))
		}
		if err := mine.codec.unmark(t.Context(), e, []Cell{thing(id)}, "lost", thing(id), Entry{Version: 3}); err != nil {
			t.Fatal(err)
		}
		if raw := mine.raw(t, thing(id)); raw != "" {
			t.Errorf("%s: a newer version left %q", name, raw)
		}
	}
}

// Lists of two releases lie side by side.
func TestARollingUpgradeOfLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	older, newer := w.process(), w.process(func(c *Config) { c.Codec = '2' })
	id := newID()
	older.insert(t, id)
	for _, p := range []*process{older, newer} {
		if _, s := p.list(t, id); s != Miss {
			t.Errorf("the first read: %s", s.Status("x"))
		}
	}
	for _, p := range []*process{older, newer} {
		if _, s := p.list(t, id); s != Hit {
			t.Errorf("the second read: %s", s.Status("x"))
		}
	}
	newer.write(t, id, "second")
	if v, s := older.list(t, id); v[0] != 2 {
		t.Errorf("after a write: %s %v", s.Status("x"), v)
	}
}

func TestWhatIsTooLargeIsNotStored(t *testing.T) {
	t.Parallel()
	const limit = 100
	p := newWorld(t).process(func(c *Config) { c.MaxBody = limit })
	id := newID()
	p.insert(t, id)
	large, fits := strings.Repeat("x", limit+1), strings.Repeat("x", limit)
	p.write(t, id, large)
	p.behind.Wait()
	if n := testutil.ToFloat64(p.metrics.fills.WithLabelValues("oversize")); n != 1 || p.raw(t, thing(id)) != "" {
		t.Errorf("after the write %q is stored, and %.0f was counted", p.raw(t, thing(id)), n)
	}
	if e, s := p.read(t, id); s != MissOversize || string(e.Body) != large {
		t.Errorf("a read: %s", s.Status("x"))
	}
	load := func(context.Context) (Entry, error) { return Entry{Body: []byte(large)}, nil }
	for range 2 {
		if e, s, err := p.ReadList(t.Context(), List{every, "large"}, load); err != nil || s != MissOversize || string(e.Body) != large {
			t.Errorf("a list: %s, %v", s.Status("x"), err)
		}
	}
	if n := testutil.ToFloat64(p.metrics.fills.WithLabelValues("oversize")); n != 4 {
		t.Errorf("%.0f were counted", n)
	}
	p.write(t, id, fits)
	eventually(t, "what just fits is hit", func() bool { _, s := p.read(t, id); return s == Hit })
}

func TestWhatIsNotThereIsNotStored(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id := newID()
	for range 2 {
		if _, _, err := p.Read(t.Context(), thing(id), p.load(id)); err == nil {
			t.Fatal("something is there")
		}
	}
	p.insert(t, id) // by somebody who marks nothing
	if e, s := p.read(t, id); e.Version != 1 {
		t.Errorf("afterwards: version %d, %s", e.Version, s.Status("x"))
	}
}

func TestEachEntryHasItsOwnLife(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	e := p.epoch(t)
	for name, life := range map[string]time.Duration{"usual": 0, "long": 5 * time.Hour} {
		want := life
		if life == 0 {
			want = valueLife
		}
		id := newID()
		body := []byte(name)
		load := func(context.Context) (Entry, error) { return Entry{Version: 1, Body: body, Life: life}, nil }
		list := List{every, name}
		if _, _, err := p.Read(t.Context(), thing(id), load); err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.ReadList(t.Context(), list, load); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{keys(e, thing(id))[0], list.key(e.Number(), one)} {
			// A tenth less at random, and the time since.
			if left := e.Redis().PTTL(t.Context(), key).Val(); left > want || left < want-want/10-4*time.Minute {
				t.Errorf("%s: %s has %s left", name, key, left)
			}
		}
	}
	seen := map[int64]bool{}
	for range 100 {
		l := lifetime(time.Hour)
		if seen[l] = true; l > time.Hour.Milliseconds() || l < (54*time.Minute).Milliseconds() {
			t.Errorf("a life of %d ms", l)
		}
	}
	if len(seen) < 50 || lifetime(1) != 1 {
		t.Errorf("%d different lives, the shortest %d ms", len(seen), lifetime(1))
	}
}
