package coherent

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"tandem.example/pkg/crdb"
)

// gate is a Load whose answers, once read from the database, are held back until
// it is opened.
type gate struct {
	load   Load
	loads  atomic.Int64
	held   chan struct{} // receives once per answer that is there
	opened chan struct{}
	cut    atomic.Bool // the reader's context ended first
}

func gated(load Load) *gate {
	return &gate{load: load, held: make(chan struct{}, 1000), opened: make(chan struct{})}
}

func (g *gate) read(ctx context.Context) (Entry, error) {
	g.loads.Add(1)
	e, err := g.load(ctx)
	g.held <- struct{}{}
	select {
	case <-g.opened:
	case <-ctx.Done():
		g.cut.Store(true)
	}
	return e, err
}

func (c *Cache) joined() int { return int(testutil.ToFloat64(c.metrics.joins)) }

// While the first reader's answer is under way, 999 others come. They wait for
// one flight that follows, and that finds what the first has filled.
func TestAHerdReadsTheDatabaseOnce(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id := newID()
	p.insert(t, id)
	p.flights[items].patience, p.flights[lists].patience = time.Hour, time.Hour
	const herd = 1000
	for name, read := range map[string]func(Load) (Entry, Source, error){
		"item": func(load Load) (Entry, Source, error) { return p.Read(t.Context(), thing(id), load) },
		"list": func(load Load) (Entry, Source, error) {
			return p.ReadList(t.Context(), List{every, id}, load)
		},
	} {
		g := gated(map[string]Load{"item": p.load(id), "list": p.loadList(id)}[name])
		before, flights := p.joined(), testutil.ToFloat64(p.metrics.flights)
		var readers sync.WaitGroup
		var hits atomic.Int64
		reader := func() {
			e, s, err := read(g.read)
			if err != nil || len(e.Body) == 0 {
				t.Errorf("%s: %q, %v", name, e.Body, err)
			}
			if s == Hit {
				hits.Add(1)
			}
		}
		readers.Go(reader)
		<-g.held
		for range herd - 1 {
			readers.Go(reader)
		}
		eventually(t, "all have joined", func() bool { return p.joined()-before == herd-2 })
		close(g.opened)
		readers.Wait()
		flights = testutil.ToFloat64(p.metrics.flights) - flights
		t.Logf("%s: %d readers, %.0f flights, %d reads of the database", name, herd, flights, g.loads.Load())
		// The fill of an item is refused if all that took longer than its lease.
		if loads := g.loads.Load(); flights != 2 || loads != 1 && name == "list" || loads > 2 || loads == 1 && hits.Load() != herd-1 {
			t.Errorf("%s: %.0f flights, %d reads of the database, %d hits", name, flights, loads, hits.Load())
		}
	}
}

// Without any order among them, and through two processes, there is never more
// than one read of the database for a flight.
func TestAHerdAtTwoProcesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	processes := []*process{w.process(), w.process()}
	id := newID()
	processes[0].insert(t, id)
	const herd = 1000
	var loads [2]atomic.Int64
	var readers sync.WaitGroup
	for n := range herd {
		at := n % 2
		p := processes[at]
		readers.Go(func() {
			load := p.load(id)
			e, _, err := p.Read(t.Context(), thing(id), func(ctx context.Context) (Entry, error) {
				loads[at].Add(1)
				return load(ctx)
			})
			if err != nil || e.Version != 1 {
				t.Errorf("version %d, %v", e.Version, err)
			}
		})
	}
	readers.Wait()
	for n, p := range processes {
		flights := int64(testutil.ToFloat64(p.metrics.flights))
		t.Logf("process %d: %d readers, %d joins, %d flights, %d reads of the database", n, herd/2, p.joined(), flights, loads[n].Load())
		if loads[n].Load() > flights {
			t.Errorf("%d reads of the database in %d flights", loads[n].Load(), flights)
		}
	}
}

// The answer that is under way was read before the write. A reader that comes
// after the write was acknowledged must not wait for it.
func TestAFlightIsSealedWhenItSends(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id := newID()
	p.insert(t, id)
	for name, reads := range map[string]struct {
		read func(context.Context, Load) (Entry, Source, error)
		load Load
	}{
		"item": {func(ctx context.Context, l Load) (Entry, Source, error) { return p.Read(ctx, thing(id), l) }, p.load(id)},
		"list": {func(ctx context.Context, l Load) (Entry, Source, error) { return p.ReadList(ctx, List{every, id}, l) }, p.loadList(id)},
	} {
		before, _ := reads.load(t.Context())
		p.erase(t, id, before.Version) // so that there is something to load
		g := gated(reads.load)
		var reading sync.WaitGroup
		reading.Go(func() { _, _, _ = reads.read(t.Context(), g.read) })
		<-g.held
		p.erase(t, id, before.Version+1)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		late, s, err := reads.read(ctx, reads.load)
		cancel()
		now, _ := reads.load(t.Context())
		if err != nil || string(late.Body) != string(now.Body) {
			t.Errorf("%s: a %s after the write: %s, not %s: %v", name, s.Outcome(), late.Body, now.Body, err)
		}
		close(g.opened)
		reading.Wait()
	}
}

// erase writes and leaves nothing in the cache.
func (p *process) erase(t *testing.T, id string, n int64) {
	t.Helper()
	change := p.change(id, "erased "+strconv.FormatInt(n, 10))
	run := change.Run
	change.Run = func(ctx context.Context, op Operation) (Entry, error) {
		e, err := run(ctx, op)
		e.Body = nil
		return e, err
	}
	if _, err := p.Write(t.Context(), change); err != nil {
		t.Fatal(err)
	}
}

// A flight that is stuck holds up nobody but those in it, and when they leave it
// goes on.
func TestAStuckFlightIsOvertaken(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id := newID()
	p.insert(t, id)
	g := gated(p.load(id))
	ctx, leave := context.WithCancel(t.Context())
	var first error
	var reading sync.WaitGroup
	reading.Go(func() { _, _, first = p.Read(ctx, thing(id), g.read) })
	<-g.held
	if e, _ := p.read(t, id); e.Version != 1 {
		t.Errorf("a second reader: version %d", e.Version)
	}
	leave()
	reading.Wait()
	if !errors.Is(first, context.Canceled) || !errors.Is(first, crdb.ErrUnavailable) {
		t.Errorf("the first reader: %v", first)
	}
	close(g.opened)
	p.behind.Wait()
	if g.cut.Load() || len(p.flights[items].lanes) > 0 {
		t.Errorf("the flight ended with its reader: %t; %d lanes are left", g.cut.Load(), len(p.flights[items].lanes))
	}
}

func TestADefectInALoadIsAnError(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	_, _, err := p.Read(t.Context(), thing(newID()), func(context.Context) (Entry, error) { panic("a defect") })
	if err == nil || !strings.Contains(err.Error(), "a defect") {
		t.Errorf("got %v", err)
	}
	id := newID()
	if _, _, err := p.Read(t.Context(), thing(id), p.load(id)); !errors.Is(err, errGone) {
		t.Errorf("afterwards: %v", err)
	}
}
