package coherent

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"tandem.example/pkg/epoch"
)

// tell is the news of a write of a thing.
func (p *process) tell(t *testing.T, token, id string, version int64) int64 {
	t.Helper()
	n, err := p.Drop(t.Context(), News{Token: token, Version: version, Item: thing(id), Scopes: []Cell{every}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// console changes a thing past the cache, as a write does whose markers are lost.
func (p *process) console(t *testing.T, id, body string) {
	t.Helper()
	if _, err := p.db.Pool().Exec(t.Context(), `UPDATE things SET body = $2, version = version + 1 WHERE id = $1`, id, body); err != nil {
		t.Fatal(err)
	}
}

func TestNewsDropsWhatIsOlder(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id := newID()
	p.insert(t, id)
	p.read(t, id)
	p.list(t, id)
	p.console(t, id, "second")
	if e, s := p.read(t, id); s != Hit || e.Version != 1 {
		t.Fatalf("the cache knows better: %s %d", s.Outcome(), e.Version)
	}
	if n := p.tell(t, newID(), id, 2); n != 2 {
		t.Errorf("%d dropped of an item and a generation", n)
	}
	if e, s := p.read(t, id); s != Miss || e.Version != 2 {
		t.Errorf("after the news: %s %d", s.Outcome(), e.Version)
	}
	if v, s := p.list(t, id); s != Miss || v[0] != 2 {
		t.Errorf("the list after the news: %s %v", s.Outcome(), v)
	}
	for of, want := range map[kind]float64{items: 1, lists: 1} {
		if n := testutil.ToFloat64(p.metrics.dropped[of]); n != want {
			t.Errorf("%s: the metric has seen %v", of, n)
		}
	}
}

func TestNewsNeverDropsWhatIsAsNew(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id := newID()
	p.insert(t, id)
	p.write(t, id, "second")
	p.write(t, id, "third")
	eventually(t, "the item is hit", func() bool { _, s := p.read(t, id); return s == Hit })
	for _, version := range []int64{1, 2, 3} {
		if _, err := p.Drop(t.Context(), News{Token: newID(), Version: version, Item: thing(id)}); err != nil {
			t.Fatal(err)
		}
		if e, s := p.read(t, id); s != Hit || e.Version != 3 {
			t.Errorf("after news of version %d: %s %d", version, s.Outcome(), e.Version)
		}
	}
	if _, err := p.Drop(t.Context(), News{Version: math.MaxInt64, Item: thing(id)}); err != nil {
		t.Fatal(err)
	}
	if e, s := p.read(t, id); s != Miss || e.Version != 3 {
		t.Errorf("after news of any version: %s %d", s.Outcome(), e.Version)
	}
}

// The news of a write that came by here costs nobody a hit, however often it is
// told, and whoever unmarked it.
func TestNewsOfAWriteThatCameByDropsNothing(t *testing.T) {
	t.Parallel()
	for name, finish := range map[string]func(p *process, op Operation, id string){
		"its writer": func(p *process, op Operation, id string) {
			e := Entry{Version: 2, Body: []byte("second")}
			if err := p.codec.unmark(t.Context(), p.epoch(t), []Cell{thing(id), every}, op.ID.String(), thing(id), e); err != nil {
				t.Fatal(err)
			}
		},
		"a resolver": func(p *process, op Operation, id string) {
			if err := p.resolve(t.Context(), p.epoch(t), []Cell{thing(id), every}, op.ID, p.decide); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p, other := w.process(), w.process()
			id := newID()
			p.insert(t, id)
			p.list(t, id)
			op := p.abandon(t, id, time.Hour)
			if _, err := statement(t.Context(), p.db, op, id, "second"); err != nil {
				t.Fatal(err)
			}
			finish(p, op, id)
			p.read(t, id)
			p.list(t, id)
			for range 3 {
				for _, told := range []*process{p, other} {
					if n := told.tell(t, op.ID.String(), id, 2); n != 0 {
						t.Fatalf("%d dropped", n)
					}
				}
			}
			if _, s := other.list(t, id); s != Hit {
				t.Errorf("the list: %s", s.Outcome())
			}
			if _, s := other.read(t, id); s != Hit {
				t.Errorf("the item: %s", s.Outcome())
			}
		})
	}
}

// A marker is the business of its writer and of resolvers, whatever anybody says.
func TestNewsLeavesMarkers(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id := newID()
	p.insert(t, id)
	op := p.abandon(t, id, time.Hour)
	if _, err := statement(t.Context(), p.db, op, id, "second"); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{op.ID.String(), newID()} {
		if n := p.tell(t, token, id, 2); n != 0 {
			t.Errorf("%d dropped", n)
		}
	}
	if n := p.marked(t, p.epoch(t).Number(), thing(id), every); n != 2 {
		t.Errorf("%d cells are marked", n)
	}
	if e, s := p.read(t, id); s != BypassMarked || e.Version != 2 {
		t.Errorf("%s %d", s.Cause(), e.Version)
	}
	if v, s := p.list(t, id); s != BypassMarked || v[0] != 2 {
		t.Errorf("the list: %s %v", s.Cause(), v)
	}
}

// What a reader has read before it was told, and stores afterwards, may be older.
func TestNewsVoidsLeases(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id := newID()
	p.insert(t, id)
	load := p.load(id)
	_, s, err := p.Read(t.Context(), thing(id), func(ctx context.Context) (Entry, error) {
		e, err := load(ctx)
		p.console(t, id, "second")
		p.tell(t, newID(), id, 2)
		return e, err
	})
	if err != nil || s != MissUnfilled {
		t.Errorf("the overtaken read: %s, %v", s.Cause(), err)
	}
	if e, s := p.read(t, id); s != Miss || e.Version != 2 {
		t.Errorf("the next: %s %d", s.Outcome(), e.Version)
	}
	many := p.loadList(id)
	_, s, err = p.ReadList(t.Context(), List{every, id}, func(ctx context.Context) (Entry, error) {
		e, err := many(ctx)
		p.console(t, id, "third")
		p.tell(t, newID(), id, 3)
		return e, err
	})
	if err != nil || s != MissUnfilled {
		t.Errorf("the overtaken list: %s, %v", s.Cause(), err)
	}
	if v, s := p.list(t, id); s != Miss || v[0] != 3 {
		t.Errorf("the next list: %s %v", s.Outcome(), v)
	}
}

// The notes are few and end: what is not noted any more is dropped once too often.
func TestFewSettledWritesAreNoted(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	e := p.epoch(t)
	scope := Cell("lists/" + newID())
	tokens := make([]string, settledWrites+1)
	for i := range tokens {
		tokens[i] = newID()
		if err := mark(t.Context(), e, []Cell{scope}, tokens[i]); err != nil {
			t.Fatal(err)
		}
		if err := one.unmark(t.Context(), e, []Cell{scope}, tokens[i], "", Entry{Version: int64(i) + 2}); err != nil {
			t.Fatal(err)
		}
	}
	if ttl := e.Redis().PTTL(t.Context(), settledKey(e, scope)).Val(); ttl <= 0 || ttl > settledLife {
		t.Errorf("the notes end in %s", ttl)
	}
	for i, want := range map[int]int64{settledWrites: 0, 1: 0, 0: 1} {
		if _, err := one.lease(t.Context(), e, scope, newGeneration(), lifetime(0)); err != nil {
			t.Fatal(err)
		}
		if n, err := p.Drop(t.Context(), News{Token: tokens[i], Version: 1, Scopes: []Cell{scope}}); err != nil || n != want {
			t.Errorf("write %d: %d dropped, %v", i, n, err)
		}
	}
	// A write that did nothing has no event, and is not noted.
	idle := Cell("lists/" + newID())
	if err := mark(t.Context(), e, []Cell{idle}, "w"); err != nil {
		t.Fatal(err)
	}
	if err := one.unmark(t.Context(), e, []Cell{idle}, "w", "", Entry{}); err != nil {
		t.Fatal(err)
	}
	if n := e.Redis().Exists(t.Context(), settledKey(e, idle)).Val(); n != 0 {
		t.Error("a write that did nothing is noted")
	}
}

// Without Redis nothing is dropped, and the caller knows.
func TestNewsWithoutRedisIsToBeToldAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.process()
	id := newID()
	if err := w.stack.Kill("redis"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is refused", func() bool {
		_, err := p.Drop(t.Context(), News{Version: 2, Item: thing(id)})
		return errors.Is(err, epoch.ErrUnavailable) || errors.Is(err, epoch.ErrNotReady) || errors.Is(err, epoch.ErrLapsed)
	})
}
