package coherent

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/pkg/fault"
)

// floor is the highest version of a key that anybody has seen. Versions are
// ordered by commit, so a history is linearizable if no read returns less than
// the floor was when it began.
type floor struct{ version atomic.Int64 }

func (f *floor) raise(to int64) {
	for {
		now := f.version.Load()
		if to <= now || f.version.CompareAndSwap(now, to) {
			return
		}
	}
}

// race is writers and readers of several processes on few keys.
type race struct {
	ids    []string
	floors []floor
	hits   [kinds]atomic.Int64
}

// write is one of: a write, a writer that dies after MARK, one that dies after
// its statement. A machine that is too busy to renew a lease refuses writes.
func (r *race) write(t *testing.T, p *process, by *rand.Rand) {
	t.Helper()
	k := by.IntN(len(r.ids))
	switch by.IntN(10) {
	case 0:
		p.abandon(t, r.ids[k], 5*time.Millisecond)
	case 1:
		op := p.abandon(t, r.ids[k], 5*time.Millisecond)
		if e, err := statement(t.Context(), p.db, op, r.ids[k], "orphan"); err == nil {
			r.floors[k].raise(e.Version)
		}
	default:
		e, err := p.Write(t.Context(), p.change(r.ids[k], strconv.Itoa(by.Int())))
		if err == nil {
			r.floors[k].raise(e.Version)
		} else if fault.KindOf(err) != fault.Unavailable {
			t.Errorf("write: %v", err)
		}
	}
}

func (r *race) read(t *testing.T, p *process, k int) {
	t.Helper()
	least := r.floors[k].version.Load()
	e, s := p.read(t, r.ids[k])
	if e.Version < least {
		t.Errorf("a %s returned version %d after %d was seen", s.Outcome(), e.Version, least)
	}
	r.saw(items, s)
	r.floors[k].raise(e.Version)
}

func (r *race) list(t *testing.T, p *process) {
	t.Helper()
	least := make([]int64, len(r.ids))
	for k := range r.floors {
		least[k] = r.floors[k].version.Load()
	}
	versions, s := p.list(t, r.ids...)
	for k, v := range versions {
		if v < least[k] {
			t.Errorf("a list %s has version %d after %d was seen", s.Outcome(), v, least[k])
		}
		r.floors[k].raise(v)
	}
	r.saw(lists, s)
}

// batch reads all things at once.
func (r *race) batch(t *testing.T, p *process) {
	t.Helper()
	least := make([]int64, len(r.ids))
	for k := range r.floors {
		least[k] = r.floors[k].version.Load()
	}
	entries, sources := p.readAll(t, nil, r.ids...)
	for k, e := range entries {
		if e.Version < least[k] {
			t.Errorf("a %s of a batch returned version %d after %d was seen", sources[k].Outcome(), e.Version, least[k])
		}
		r.saw(items, sources[k])
		r.floors[k].raise(e.Version)
	}
}

func (r *race) saw(of kind, s Source) {
	if s == Hit {
		r.hits[of].Add(1)
	}
}

func TestNoReadIsStaleWhileWritersDie(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	raced(t, w.process(), w.process(), w.process())
}

// raced lets processes write and read the same things, until every kind of read
// has been hit in each round.
func raced(t *testing.T, processes ...*process) {
	t.Helper()
	const keyCount, rounds, writes, readers = 4, 6, 25, 12
	r := &race{ids: make([]string, keyCount), floors: make([]floor, keyCount)}
	for i := range r.ids {
		r.ids[i] = newID()
		processes[0].insert(t, r.ids[i])
	}
	ctx, stop := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	defer reading.Wait()
	defer stop()
	for i := range readers {
		p, by := processes[i%len(processes)], rand.New(rand.NewPCG(2, uint64(i)))
		reading.Go(func() {
			for ctx.Err() == nil {
				switch i % 4 {
				case 3:
					r.list(t, p)
				case 2:
					r.batch(t, p)
				default:
					r.read(t, p, by.IntN(keyCount))
				}
			}
		})
	}
	for round := range rounds {
		var writing sync.WaitGroup
		for i, p := range processes {
			by := rand.New(rand.NewPCG(uint64(round), uint64(i)))
			writing.Go(func() {
				for range writes {
					r.write(t, p, by)
				}
			})
		}
		writing.Wait()
		before := [...]int64{r.hits[items].Load(), r.hits[lists].Load()}
		eventually(t, "what was written is hit, or nothing is tested", func() bool {
			return r.hits[items].Load() > before[items] && r.hits[lists].Load() > before[lists]
		})
	}
}
