package coherent

import (
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/epoch"
)

// one is the usual codec.
const one = codec('1')

// script is a cell of its own on which a test plays the steps of a race.
type script struct {
	t    *testing.T
	e    *epoch.Epoch
	cell Cell
}

func (s script) mark(token string) { s.must(mark(s.t.Context(), s.e, []Cell{s.cell}, token)) }
func (s script) unmark(token string, v int64, body string) {
	e := Entry{Version: v}
	if body != "" {
		e.Body = []byte(body)
	}
	s.must(one.unmark(s.t.Context(), s.e, []Cell{s.cell}, token, s.cell, e))
}

func (s script) lease() grant {
	g, err := one.lease(s.t.Context(), s.e, s.cell, newLease(), leaseLife.Milliseconds())
	s.must(err)
	return g
}

func (s script) fill(token string, v int64, body string) bool {
	ok, err := one.fill(s.t.Context(), s.e, s.cell, token, Entry{Version: v, Body: []byte(body)})
	s.must(err)
	return ok
}

func (s script) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// holds checks the value that readers hit; 0 is none.
func (s script) holds(version int64) {
	s.t.Helper()
	stored, err := s.e.Redis().Get(s.t.Context(), keys(s.e, s.cell)[0]).Bytes()
	if err != nil && !errors.Is(err, redis.Nil) {
		s.t.Fatal(err)
	}
	got, _ := one.decode(stored)
	if got.Version != version {
		s.t.Errorf("readers hit version %d, not %d", got.Version, version)
	}
}

// Each case is a race of the protocol, played step by step.
func TestTheScripts(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	e := p.epoch(t)
	for name, play := range map[string]func(script){
		"a miss is filled and hit": func(s script) {
			g := s.lease()
			if g.token == "" || !s.fill(g.token, 1, "a") {
				s.t.Error("no lease, or it did not count")
			}
			s.holds(1)
			if again := s.lease(); !again.hit || again.entry.Version != 1 {
				s.t.Errorf("a second lease found %+v", again)
			}
		},
		"one reader fills": func(s script) {
			g, second := s.lease(), s.lease()
			if second.token != "" || second.marked {
				s.t.Errorf("a second reader got %+v", second)
			}
			if s.fill("other", 1, "a") {
				s.t.Error("somebody else's fill was taken")
			}
			if !s.fill(g.token, 1, "a") || s.fill(g.token, 1, "a") {
				s.t.Error("a lease must count once")
			}
		},
		"a slow fill after a write": func(s script) {
			g := s.lease()
			s.mark("w")
			if s.fill(g.token, 1, "old") {
				s.t.Error("a fill was taken while a write is under way")
			}
			s.unmark("w", 2, "new")
			if s.fill(g.token, 1, "old") {
				s.t.Error("a fill was taken after the write")
			}
			s.holds(2)
		},
		"nobody fills while it is marked": func(s script) {
			s.mark("w")
			if g := s.lease(); !g.marked || g.token != "" || g.overdue != "" {
				s.t.Errorf("a reader got %+v", g)
			}
			s.holds(0)
		},
		"a write that did nothing": func(s script) {
			s.mark("w")
			s.unmark("w", 0, "")
			s.holds(0)
			if g := s.lease(); g.token == "" {
				s.t.Error("the marker is still there")
			}
		},
		"two writers unmark in the other order": func(s script) {
			s.mark("a")
			s.mark("b")
			s.unmark("b", 3, "third")
			s.holds(0) // the other may still be at work
			s.unmark("a", 2, "second")
			s.holds(0) // the older value must not come back
		},
		"two writers unmark in order": func(s script) {
			s.mark("a")
			s.mark("b")
			s.unmark("a", 2, "second")
			s.unmark("b", 3, "third")
			s.holds(3)
		},
		"a late unmark never replaces": func(s script) {
			s.mark("a")
			s.unmark("a", 0, "") // resolved by a reader
			g := s.lease()
			s.fill(g.token, 3, "third")
			s.unmark("a", 2, "second")
			s.holds(3)
		},
		"a late unmark drops what is older": func(s script) {
			g := s.lease()
			s.fill(g.token, 1, "first")
			s.unmark("lost", 2, "second")
			s.holds(0)
		},
		"a late unmark voids a lease": func(s script) {
			g := s.lease()
			s.unmark("lost", 2, "second")
			if s.fill(g.token, 1, "first") {
				s.t.Error("the reader may have read before that write")
			}
		},
		"an unmark is repeated": func(s script) {
			s.mark("a")
			s.unmark("a", 2, "second")
			s.unmark("a", 2, "second")
			s.holds(2)
		},
		"a deletion leaves nothing": func(s script) {
			g := s.lease()
			s.fill(g.token, 1, "first")
			s.mark("d")
			s.unmark("d", 2, "")
			s.holds(0)
		},
		"versions beyond a double's precision": func(s script) {
			s.mark("a")
			s.mark("b")
			s.unmark("b", 1<<53+1, "newer")
			s.unmark("a", 1<<53, "older")
			s.holds(0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(script{t, e, Cell("script/" + newID())})
		})
	}
}

func TestAMarkerNeverExpires(t *testing.T) {
	t.Parallel()
	e := newWorld(t).process().epoch(t)
	cell := thing(newID())
	if err := mark(t.Context(), e, []Cell{cell}, "w"); err != nil {
		t.Fatal(err)
	}
	if ttl := e.Redis().PTTL(t.Context(), keys(e, cell)[1]).Val(); ttl != -1 {
		t.Errorf("the marker ends in %s", ttl)
	}
	if err := one.unmark(t.Context(), e, []Cell{cell}, "w", cell, Entry{Version: 1, Body: []byte("a")}); err != nil {
		t.Fatal(err)
	}
	if ttl := e.Redis().PTTL(t.Context(), keys(e, cell)[0]).Val(); ttl <= 0 || ttl > valueLife {
		t.Errorf("the value ends in %s", ttl)
	}
	deadline, err := e.Redis().Time(t.Context()).Result()
	if err != nil || time.Since(deadline) > time.Minute {
		t.Errorf("the server's clock: %v, %v", deadline, err)
	}
}
