package coherent

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/epoch"
)

// list reads the versions of things, as one list of their scope.
func (p *process) list(t *testing.T, ids ...string) ([]int64, Source) {
	t.Helper()
	e, s, err := p.ReadList(t.Context(), List{every, strings.Join(ids, ",")}, p.loadList(ids...))
	if err != nil {
		t.Fatal(err)
	}
	var versions []int64
	if err := json.Unmarshal(e.Body, &versions); err != nil || len(versions) != len(ids) {
		t.Fatalf("%s: %v", e.Body, err)
	}
	return versions, s
}

func (p *process) loadList(ids ...string) Load {
	return func(ctx context.Context) (Entry, error) {
		const query = `SELECT json_agg(version ORDER BY array_position($1, id)) FROM things WHERE id = ANY($1)`
		var e Entry
		err := crdb.Idempotent(ctx, func(ctx context.Context) error {
			return p.db.Pool().QueryRow(ctx, query, ids).Scan(&e.Body)
		})
		e.Elsewhere = p.away()
		return e, err
	}
}

func TestAListMissesThenHitsUntilTheNextWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.process(), w.process()
	a, b := newID(), newID()
	one.insert(t, a)
	one.insert(t, b)
	if v, s := one.list(t, a, b); s != Miss || v[0] != 1 || v[1] != 1 {
		t.Fatalf("the first read: %s %v", s.Outcome(), v)
	}
	if _, s := two.list(t, a, b); s != Hit {
		t.Fatalf("the second read: %s", s.Outcome())
	}
	if _, s := two.list(t, a); s != Miss {
		t.Fatalf("another list of the scope: %s", s.Outcome())
	}
	for n := range int64(3) {
		two.write(t, b, "x")
		if v, s := one.list(t, a, b); v[1] != n+2 {
			t.Fatalf("after write %d: %s %v", n, s.Outcome(), v)
		}
		if v, s := one.list(t, a); s == Hit {
			t.Fatalf("another list of the scope after write %d: %s %v", n, s.Outcome(), v)
		}
		eventually(t, "the lists are hit", func() bool {
			_, first := one.list(t, a, b)
			_, second := two.list(t, a)
			return first == Hit && second == Hit
		})
	}
}

// The write begins after the list was read from the database and ends before it
// is stored: nobody may get what was stored.
func TestAListThatAWriteOvertookIsNotHit(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id, other := newID(), newID()
	p.insert(t, id)
	p.insert(t, other)
	load := p.loadList(id)
	_, s, err := p.ReadList(t.Context(), List{every, id}, func(ctx context.Context) (Entry, error) {
		e, err := load(ctx)
		p.write(t, id, "second")
		// A reader of another list starts the next generation.
		eventually(t, "a generation", func() bool { _, s := p.list(t, other); return s == Miss })
		return e, err
	})
	if err != nil || s != MissUnfilled {
		t.Errorf("the overtaken read: %s, %v", s.Cause(), err)
	}
	if v, s := p.list(t, id); v[0] != 2 {
		t.Errorf("a %s after the write returned version %d", s.Outcome(), v[0])
	}
}

func TestAnAbandonedWriteKeepsListsAtTheDatabase(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id := newID()
	p.insert(t, id)
	p.list(t, id)
	op := p.abandon(t, id, time.Hour)
	if v, s := p.list(t, id); s != BypassMarked || v[0] != 1 {
		t.Errorf("while marked: %s %v", s.Cause(), v)
	}
	if _, err := statement(t.Context(), p.db, op, id, "second"); err != nil {
		t.Fatal(err)
	}
	if v, s := p.list(t, id); s != BypassMarked || v[0] != 2 {
		t.Errorf("while marked: %s %v", s.Cause(), v)
	}
	e := p.epoch(t)
	if err := e.Redis().HSet(t.Context(), keys(e, every)[1], op.ID.String(), 1).Err(); err != nil { // overdue
		t.Fatal(err)
	}
	eventually(t, "the list is hit", func() bool { _, s := p.list(t, id); return s == Hit })
}

// scoped plays the steps of a race on a scope.
type scoped struct{ script }

// hits is what a reader gets from Redis.
func (s scoped) hits(body string) {
	s.t.Helper()
	found, err := one.lookUp(s.t.Context(), s.e.Trip(), List{s.cell, "q"})
	s.must(err)
	if string(found.entry.Body) != body {
		s.t.Errorf("readers hit %q, not %q", found.entry.Body, body)
	}
}

// generation is what a reader reads the database under; nothing if it may not
// store what it reads.
func (s scoped) generation() string {
	s.t.Helper()
	found, err := one.lookUp(s.t.Context(), s.e.Trip(), List{s.cell, "q"})
	s.must(err)
	if found.generation != "" {
		return found.generation
	}
	g, err := one.lease(s.t.Context(), s.e, s.cell, newGeneration(), lifetime(0))
	s.must(err)
	return g.token + g.other
}

func (s scoped) store(generation, body string) bool {
	s.t.Helper()
	ok, err := one.fillList(s.t.Context(), s.e, List{s.cell, "q"}, generation, Entry{Body: []byte(body)})
	s.must(err)
	return ok
}

// Each case is a race of the protocol, played step by step on a scope.
func TestTheGenerations(t *testing.T) {
	t.Parallel()
	e := newWorld(t).process().epoch(t)
	for name, play := range map[string]func(scoped){
		"all readers share a generation": func(s scoped) {
			g := s.generation()
			if g == "" || s.generation() != g {
				s.t.Error("a second reader has another generation")
			}
			if !s.store(g, "one") || !s.store(g, "two") {
				s.t.Error("what was read under the current generation was not stored")
			}
			s.hits("two")
		},
		"a write ends the generation": func(s scoped) {
			s.store(s.generation(), "old")
			s.mark("w")
			s.hits("")
			s.unmark("w", 2, "")
			s.hits("")
			s.store(s.generation(), "new")
			s.hits("new")
		},
		"no generation begins while a write is under way": func(s scoped) {
			s.mark("a")
			s.mark("b")
			s.unmark("a", 2, "")
			if g := s.generation(); g != "" {
				s.t.Errorf("generation %s", g)
			}
			s.unmark("b", 3, "")
			if s.generation() == "" {
				s.t.Error("no generation after the last write")
			}
		},
		"a slow store after a write": func(s scoped) {
			old := s.generation()
			s.mark("w")
			if s.store(old, "old") {
				s.t.Error("stored while a write is under way")
			}
			s.unmark("w", 2, "")
			if s.store(old, "old") {
				s.t.Error("stored under a generation that has ended")
			}
			s.hits("")
			now := s.generation()
			if s.store(old, "old") {
				s.t.Error("stored under the generation before")
			}
			s.hits("")
			s.store(now, "new")
			s.hits("new")
		},
		"a write that did nothing": func(s scoped) {
			s.store(s.generation(), "same")
			s.mark("w")
			s.unmark("w", 0, "")
			s.hits("") // nobody knows that it is the same
			if s.generation() == "" {
				s.t.Error("the marker is still there")
			}
		},
		"no generation comes twice": func(s scoped) {
			seen := map[string]bool{}
			for range 50 {
				g := s.generation()
				if seen[g] {
					s.t.Fatalf("generation %s came twice", g)
				}
				seen[g] = true
				s.store(g, "x")
				s.mark("w")
				s.unmark("w", 2, "")
			}
		},
		"a late unmark ends the generation": func(s scoped) {
			s.store(s.generation(), "old")
			s.unmark("lost", 2, "")
			s.hits("")
		},
		"a generation that was evicted": func(s scoped) {
			old := s.generation()
			s.store(old, "old")
			s.must(s.e.Redis().Del(s.t.Context(), keys(s.e, s.cell)[0]).Err())
			s.hits("")
			if now := s.generation(); now == old {
				s.t.Error("it came back")
			}
			s.hits("")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(scoped{script{t, e, Cell("scope/" + newID())}})
		})
	}
}

// A write marks an item and its scopes in one round trip, also when the server
// has to be told the script. The keeper's renewals read a few times meanwhile.
func TestAllCellsAreMarkedInOneRoundTrip(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	e := p.epoch(t)
	cells := []Cell{thing(newID()), every, "lists/others"}
	if err := mark(t.Context(), e, cells, "w"); err != nil { // and the script with it
		t.Fatal(err)
	}
	const writes, others = 200, 20
	before := serverReads(t, e)
	for range writes {
		if err := mark(t.Context(), e, cells, "w"); err != nil {
			t.Fatal(err)
		}
	}
	if n := serverReads(t, e) - before; n < writes || n > writes+others {
		t.Errorf("the server read %d times for %d writes", n, writes)
	}
	for _, cell := range cells {
		if n := e.Redis().HLen(t.Context(), keys(e, cell)[1]).Val(); n != 1 {
			t.Errorf("%s has %d markers", cell, n)
		}
	}
	if err := e.Redis().ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if err := one.unmark(t.Context(), e, cells, "w", cells[0], Entry{Version: 2, Body: []byte("b")}); err != nil {
		t.Fatal(err)
	}
	for n, cell := range cells {
		k := keys(e, cell)
		if left := e.Redis().Exists(t.Context(), k[1]).Val(); left != 0 {
			t.Errorf("%s is still marked", cell)
		}
		if stored := e.Redis().Exists(t.Context(), k[0]).Val(); (stored == 1) != (n == 0) {
			t.Errorf("%s holds %d values", cell, stored)
		}
	}
}

// serverReads is how often the server has read from a client's socket.
func serverReads(t *testing.T, e *epoch.Epoch) int {
	t.Helper()
	info, err := e.Redis().InfoMap(t.Context(), "stats").Result()
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(info["Stats"]["total_reads_processed"])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func FuzzDecodeList(f *testing.F) {
	g := newGeneration()
	f.Add(string(encodeList(g, []byte("[]"))), g)
	f.Add("N"+g, g)
	f.Add("V10000000000000001{}", "")
	f.Fuzz(func(t *testing.T, stored, generation string) {
		body, ok := decodeList(stored, generation)
		if ok && !bytes.Equal(encodeList(generation, body), []byte(stored)) {
			t.Fatalf("%q under %q decodes to what encodes as %q", stored, generation, encodeList(generation, body))
		}
	})
}
