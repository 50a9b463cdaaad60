package coherent

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
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

// Writers and readers of three processes on few keys, with writers that die
// between any two steps.
func TestNoReadIsStaleWhileWritersDie(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	processes := []*process{w.process(), w.process(), w.process()}
	const keyCount, writes, readers = 4, 150, 12
	ids := make([]string, keyCount)
	floors := make([]floor, keyCount)
	for i := range ids {
		ids[i] = newID()
		processes[0].insert(t, ids[i])
	}
	ctx, stop := context.WithCancel(t.Context())
	var writers, reading sync.WaitGroup
	var hits atomic.Int64
	for i, p := range processes {
		writers.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for n := range writes {
				k := r.IntN(keyCount)
				switch r.IntN(10) {
				case 0: // dies after MARK
					p.abandon(t, ids[k], 5*time.Millisecond)
				case 1: // dies after the statement
					op := p.abandon(t, ids[k], 5*time.Millisecond)
					if e, err := statement(t.Context(), p.db, op, ids[k], "orphan"); err == nil {
						floors[k].raise(e.Version)
					}
				default:
					floors[k].raise(p.write(t, ids[k], strconv.Itoa(n)).Version)
				}
			}
		})
	}
	for i := range readers {
		p := processes[i%len(processes)]
		reading.Go(func() {
			r := rand.New(rand.NewPCG(2, uint64(i)))
			for ctx.Err() == nil {
				k := r.IntN(keyCount)
				least := floors[k].version.Load()
				e, s := p.read(t, ids[k])
				if e.Version < least {
					t.Errorf("a %s returned version %d after %d was seen", s.Outcome(), e.Version, least)
				}
				if s == Hit {
					hits.Add(1)
				}
				floors[k].raise(e.Version)
			}
		})
	}
	writers.Wait()
	stop()
	reading.Wait()
	if hits.Load() == 0 {
		t.Error("nothing was ever hit, so nothing was tested")
	}
}
