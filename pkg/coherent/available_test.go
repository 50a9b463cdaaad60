package coherent

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/epoch"
)

// cutOff is a process that can be parted from the database, while others are not.
type cutOff struct {
	*process
	away *atomic.Bool
}

// store is the keeper's way to the database.
type store struct {
	*epoch.Postgres
	away *atomic.Bool
}

func (s store) Get(ctx context.Context, region string) (epoch.Row, error) {
	if s.away.Load() {
		return epoch.Row{}, crdb.ErrUnavailable
	}
	return s.Postgres.Get(ctx, region)
}

// cutOff makes such a process in the mode available.
func (w *world) cutOff() cutOff {
	w.t.Helper()
	away := new(atomic.Bool)
	cfg := keeping(w.db, w.stack.RedisURL, w.stack.CAFile)
	cfg.Store, cfg.Grace = store{epoch.NewPostgres(w.db), away}, time.Hour
	return cutOff{w.processOn(epoch.New(cfg)), away}
}

func (c cutOff) cut(t *testing.T) {
	t.Helper()
	c.away.Store(true)
	eventually(t, "the lease has run out", func() bool { _, err := c.keeper.Current(); return err != nil && c.keeper.Answers() == nil })
}

func (c cutOff) load(id string) Load {
	return func(ctx context.Context) (Entry, error) {
		if c.away.Load() {
			return Entry{}, crdb.ErrUnavailable
		}
		return c.process.load(id)(ctx)
	}
}

// As long as Redis is the same, a process that is cut off from the database sees
// what others write: they mark and unmark in that Redis.
func TestWhoIsCutOffReadsNothingStale(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alone, other := w.cutOff(), w.process()
	id := newID()
	other.insert(t, id)
	other.read(t, id)
	alone.cut(t)
	graced := 0
	for n := range 200 {
		acknowledged := other.write(t, id, strconv.Itoa(n)).Version
		eventually(t, "it is answered again", func() bool {
			e, source, err := alone.Read(t.Context(), thing(id), alone.load(id))
			switch {
			case errors.Is(err, crdb.ErrUnavailable): // the marker is still there
				return false
			case err != nil:
				t.Fatal(err)
			case source != HitGraced || e.Version < acknowledged:
				t.Fatalf("%s: version %d after %d", source.Status("c"), e.Version, acknowledged)
			}
			graced++
			return true
		})
	}
	if graced != 200 {
		t.Errorf("%d reads of 200", graced)
	}
}

func TestWhoIsCutOffOnlyReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alone, other := w.cutOff(), w.process()
	cached, cold := newID(), newID()
	for _, id := range []string{cached, cold} {
		other.insert(t, id)
	}
	other.read(t, cached)
	list := List{Scope: every, Query: "all"}
	page := func(context.Context) (Entry, error) { return Entry{Body: []byte("page")}, nil }
	if _, _, err := other.ReadList(t.Context(), list, page); err != nil {
		t.Fatal(err)
	}
	alone.cut(t)
	if _, source, err := alone.ReadList(t.Context(), list, page); source != HitGraced || err != nil {
		t.Errorf("a list: %s, %v", source.Status("c"), err)
	}
	entries, sources, err := alone.ReadAll(t.Context(), []Cell{thing(cached)}, nil)
	if err != nil || sources[0] != HitGraced || entries[0].Version != 1 {
		t.Errorf("several: %v, %v, %v", entries, sources, err)
	}
	if _, _, err := alone.Read(t.Context(), thing(cold), alone.load(cold)); !errors.Is(err, crdb.ErrUnavailable) {
		t.Errorf("what is not cached: %v", err)
	}
	if _, err := alone.Write(t.Context(), alone.change(cached, "x")); !errors.Is(err, crdb.ErrUnavailable) {
		t.Errorf("a write: %v", err)
	}
	// The database answers it, but the lease is not back: nothing is stored.
	if _, source, err := alone.Read(t.Context(), thing(cold), alone.process.load(cold)); err != nil || source.Outcome() != "bypass" {
		t.Errorf("a read of the database: %s, %v", source.Status("c"), err)
	}
	if entry, source := other.read(t, cold); source == Hit {
		t.Errorf("it was stored: %v", entry)
	}
	if entry, _ := other.read(t, cached); entry.Version != 1 {
		t.Errorf("it was written: %v", entry)
	}
}
