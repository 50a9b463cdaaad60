package coherent

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/epoch"
)

// loadAll reads several things at once.
func (p *process) loadAll(ids []string) LoadAll {
	return func(ctx context.Context, wanted []int) ([]Entry, error) {
		some, entries := make([]string, len(wanted)), make([]Entry, len(wanted))
		for n, i := range wanted {
			some[n] = ids[i]
		}
		err := crdb.Idempotent(ctx, func(ctx context.Context) error {
			rows, err := p.db.Pool().Query(ctx, `SELECT id, body, version FROM things WHERE id = ANY($1)`, some)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var id string
				var e Entry
				if err := rows.Scan(&id, &e.Body, &e.Version); err != nil {
					return err
				}
				e.Elsewhere = p.away()
				entries[slices.Index(some, id)] = e
			}
			return rows.Err()
		})
		return entries, err
	}
}

func things(ids []string) []Cell {
	cells := make([]Cell, len(ids))
	for i, id := range ids {
		cells[i] = thing(id)
	}
	return cells
}

func (p *process) readAll(t *testing.T, load LoadAll, ids ...string) ([]Entry, []Source) {
	t.Helper()
	if load == nil {
		load = p.loadAll(ids)
	}
	entries, sources, err := p.ReadAll(t.Context(), things(ids), load)
	if err != nil {
		t.Fatal(err)
	}
	return entries, sources
}

// causes says in words where each came from.
func causes(sources []Source) string {
	var words []string
	for _, s := range sources {
		if s == 0 {
			words = append(words, "absent")
		} else {
			words = append(words, strings.TrimSuffix(s.Outcome()+":"+s.Cause(), ":"))
		}
	}
	return strings.Join(words, "/")
}

func TestABatchComesFromWhereEachItemIs(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	hit, miss, marked, leased := newID(), newID(), newID(), newID()
	for _, id := range []string{hit, miss, marked, leased} {
		p.insert(t, id)
	}
	eventually(t, "one is cached", func() bool { _, s := p.read(t, hit); return s == Hit })
	op := p.died(t, marked, true)
	e := p.epoch(t)
	if g, err := one.lease(t.Context(), e, thing(leased), newLease(), leaseLife.Milliseconds()*100); err != nil || g.token == "" {
		t.Fatalf("%+v %v", g, err)
	}
	ids := []string{miss, hit, newID(), marked, leased}
	var asked []int
	load := func(ctx context.Context, wanted []int) ([]Entry, error) {
		asked = wanted
		return p.loadAll(ids)(ctx, wanted)
	}
	entries, sources := p.readAll(t, load, ids...)
	if got := causes(sources); got != "miss/hit/absent/bypass:marked/miss:leased" {
		t.Errorf("from %s", got)
	}
	if !slices.Equal(asked, []int{0, 2, 3, 4}) {
		t.Errorf("the database was asked for %v", asked)
	}
	for i, version := range []int64{1, 1, 0, 2, 1} {
		if entries[i].Version != version || (entries[i].Body == nil) != (version == 0) {
			t.Errorf("%d: version %d %q", i, entries[i].Version, entries[i].Body)
		}
	}
	if err := one.unmark(t.Context(), e, []Cell{thing(marked), every}, op.ID.String(), "", Entry{Version: 2}); err != nil {
		t.Fatal(err)
	}
	if _, sources = p.readAll(t, nil, ids[:4]...); causes(sources) != "hit/hit/absent/miss" {
		t.Errorf("afterwards from %s", causes(sources))
	}
}

func TestHitsOfABatchAreOneRoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.process()
	var ids []string
	for range 50 {
		ids = append(ids, newID())
		p.insert(t, ids[len(ids)-1])
	}
	p.readAll(t, nil, ids...)
	e := p.epoch(t)
	const rounds = 40
	before, asked := serverReads(t, e), infos(t, e)
	for range rounds {
		if _, sources := p.readAll(t, nil, ids...); slices.Max(sources) != Hit {
			t.Fatalf("from %s", causes(sources))
		}
	}
	// Keepers ask INFO meanwhile, in a round trip of its own each time.
	if n := serverReads(t, e) - before - (infos(t, e) - asked); n > rounds+1 {
		t.Errorf("the server read %d times for %d batches", n, rounds)
	}
}

// infos is how often the server was asked INFO.
func infos(t *testing.T, e *epoch.Epoch) int {
	t.Helper()
	info, err := e.Redis().InfoMap(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	calls, _, _ := strings.Cut(strings.TrimPrefix(info["Commandstats"]["cmdstat_info"], "calls="), ",")
	n, err := strconv.Atoi(calls)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A write between the lease and the fill voids the lease.
func TestABatchDoesNotStoreWhatAWriteOvertook(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	ids := []string{newID(), newID()}
	p.insert(t, ids[0])
	p.insert(t, ids[1])
	entries, sources := p.readAll(t, func(ctx context.Context, wanted []int) ([]Entry, error) {
		found, err := p.loadAll(ids)(ctx, wanted)
		p.write(t, ids[1], "second")
		p.behind.Wait()
		return found, err
	}, ids...)
	if got := causes(sources); got != "miss/miss:unfilled" || entries[1].Version != 1 {
		t.Errorf("from %s, version %d", got, entries[1].Version)
	}
	if entries, sources = p.readAll(t, nil, ids...); causes(sources) != "hit/hit" || entries[1].Version != 2 {
		t.Errorf("afterwards from %s, version %d", causes(sources), entries[1].Version)
	}
}

func TestWhatKeepsABatchFromTheCache(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := newID()
	small := w.process(func(c *Config) { c.MaxBody = 2 })
	small.insert(t, id)
	if _, sources := small.readAll(t, nil, id); causes(sources) != "miss:oversize" {
		t.Errorf("too large: from %s", causes(sources))
	}
	refused := errors.New("not admitted")
	strict := w.process(func(c *Config) { c.Admit = func(context.Context) error { return refused } })
	never := func(context.Context, []int) ([]Entry, error) { t.Error("the database was asked"); return nil, nil }
	if _, _, err := strict.ReadAll(t.Context(), things([]string{id}), never); !errors.Is(err, refused) {
		t.Errorf("not admitted: %v", err)
	}
	if _, _, err := strict.FreshAll(t.Context(), things([]string{id}), never); !errors.Is(err, refused) {
		t.Errorf("not admitted, fresh: %v", err)
	}
	p := w.process()
	ids := []string{id, newID()}
	if _, sources, err := p.FreshAll(t.Context(), things(ids), p.loadAll(ids)); err != nil || causes(sources) != "bypass:request/absent" {
		t.Errorf("fresh: from %s, %v", causes(sources), err)
	}
	if err := w.stack.Kill("redis"); err != nil {
		t.Fatal(err)
	}
	if entries, sources := p.readAll(t, nil, ids...); causes(sources) != "bypass:redis/absent" || entries[0].Version != 1 {
		t.Errorf("without Redis: from %s", causes(sources))
	}
}
