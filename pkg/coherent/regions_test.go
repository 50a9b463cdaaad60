package coherent

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/fault"
)

// far starts a process of another region: with a Redis of its own, and a way to
// that of the things' home.
func (w *world) far() *process {
	w.t.Helper()
	there := devstack.T(w.t, devstack.Options{Redis: true, OwnRedis: true})
	cfg := keeping(w.db, there.RedisURL, there.CAFile)
	cfg.Region, cfg.Peers = "there", []string{"here"}
	peer := keeping(w.db, w.stack.RedisURL, w.stack.CAFile)
	peer.Peer, peer.Recover = true, nil
	regions := epoch.NewRegions(epoch.New(cfg), epoch.New(peer))
	regions.Start()
	c := New(Config{
		Region: "there", Regions: regions, Epochs: regions.Own(), Arbiter: NewPostgres(w.db), Log: zap.NewNop(),
		Metrics: prometheus.NewRegistry(),
	})
	w.t.Cleanup(func() {
		if err := errors.Join(c.Stop(context.Background()), regions.Stop(context.Background())); err != nil {
			w.t.Error(err)
		}
	})
	p := &process{c, regions.Own(), w.db}
	p.epoch(w.t)
	p.home(w.t)
	return p
}

// Writers of both regions, some of which die, and readers of both.
func TestNoReadIsStaleWhileWritersOfAnotherRegionDie(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	raced(t, w.process(), w.far(), w.process())
}

// steadily asks again while a machine that is too busy lets a lease lapse.
func (p *process) steadily(t *testing.T, id, body string) Entry {
	t.Helper()
	var e Entry
	eventually(t, "it is written", func() bool {
		var err error
		e, err = p.Write(t.Context(), p.change(id, body))
		if err != nil && fault.KindOf(err) != fault.Unavailable {
			t.Fatal(err)
		}
		return err == nil
	})
	return e
}

func TestWhatIsAtHomeElsewhereIsNotStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	near, far := w.process(), w.far()
	id := newID()
	near.insert(t, id)
	for range 3 {
		if _, s := far.read(t, id); s != BypassRegion {
			t.Errorf("an item: %s", s.Status("c"))
		}
		if _, s := far.list(t, id); s != BypassRegion {
			t.Errorf("a list: %s", s.Status("c"))
		}
		if _, s := far.readAll(t, nil, id); s[0] != BypassRegion {
			t.Errorf("one of several: %s", s[0].Status("c"))
		}
	}
	list := List{every, id}
	if e, s, err := far.ReadAway(t.Context(), thing(id), far.load(id)); err != nil || s != BypassRegion || e.Version != 1 {
		t.Errorf("an item that is known to be away: %s, %v", s.Status("c"), err)
	}
	if _, s, err := far.ReadListAway(t.Context(), list, far.loadList(id)); err != nil || s != BypassRegion {
		t.Errorf("a list that is known to be away: %s, %v", s.Status("c"), err)
	}
	if _, s, err := far.ReadAllAway(t.Context(), []Cell{thing(id)}, far.loadAll([]string{id})); err != nil || s[0] != BypassRegion {
		t.Errorf("several that are known to be away: %v, %v", s, err)
	}
	if got := BypassRegion.Status("c"); got != "c; fwd=bypass; detail=region" {
		t.Error(got)
	}
	far.steadily(t, id, "second")
	e := far.epoch(t)
	for _, cell := range []Cell{thing(id), every} {
		markers, err := e.Redis().Exists(t.Context(), cell.key(e.Number(), "m")).Result()
		if err != nil || markers != 0 {
			t.Errorf("%s is marked in the writer's own Redis: %v", cell, err)
		}
	}
	if stored, _ := e.Redis().Get(t.Context(), thing(id).key(e.Number(), "v")).Bytes(); len(stored) > 0 && stored[0] == valueMark {
		t.Errorf("its own Redis has %q", stored)
	}
	eventually(t, "the home has what was written", func() bool { e, s := near.read(t, id); return s == Hit && e.Version == 2 })
}

// The home's Redis is away: what is at home there cannot be marked, and is not
// written. Its readers and everybody else go on.
func TestTheHomeIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	near, far := w.process(), w.far()
	id := newID()
	far.insert(t, id)
	if err := errors.Join(near.keeper.Stop(t.Context()), w.stack.Kill("redis")); err != nil {
		t.Fatal(err)
	}
	refused := func() bool {
		_, err := far.Write(t.Context(), far.change(id, "second"))
		if fault.KindOf(err) != fault.Unavailable || fault.From(err).RetryAfter == 0 {
			t.Fatalf("written without a marker: %v", err)
		}
		return errors.Is(err, epoch.ErrUnavailable)
	}
	refused()
	if e, _ := far.read(t, id); e.Version != 1 {
		t.Fatalf("a refused write took effect: version %d", e.Version)
	}
	eventually(t, "what is not marked is not known, either", func() bool { _, err := far.Unsettled(t.Context()); return err != nil })
	own := far.change(id, "second")
	own.Home = ""
	eventually(t, "a write at home in another region goes on", func() bool { _, err := far.Write(t.Context(), own); return err == nil })
	// Nobody of its own declares another server the current one: nobody writes.
	if err := w.stack.Start(t.Context(), "redis"); err != nil {
		t.Fatal(err)
	}
	refused()
	near = w.process()
	far.steadily(t, id, "third")
	eventually(t, "what was written is read at home, in the new epoch", func() bool {
		e, s := near.read(t, id)
		if e.Version < 3 {
			t.Fatalf("version %d", e.Version)
		}
		return s == Hit && near.epoch(t).Number() == 2
	})
}

// The home fails over between MARK and the statement: the marker is lost, and so
// nothing is written under it.
func TestTheHomeFailsOverUnderAWriter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	near, far := w.process(), w.far()
	id := newID()
	near.insert(t, id)
	change := far.change(id, "second")
	run, attempts := change.Run, 0
	change.Run = func(ctx context.Context, op Operation) (Entry, error) {
		if attempts++; attempts == 1 {
			if err := errors.Join(w.stack.Kill("redis"), w.stack.Start(ctx, "redis")); err != nil {
				t.Error(err)
			}
			eventually(t, "another epoch", func() bool { e, err := near.keeper.Current(); return err == nil && e.Number() == 2 })
			near.read(t, id)
			eventually(t, "the old value is cached in the new epoch", func() bool { _, s := near.read(t, id); return s == Hit })
		}
		return run(ctx, op)
	}
	e, err := far.Write(t.Context(), change)
	if err != nil && fault.KindOf(err) != fault.Unavailable {
		t.Fatal(err)
	}
	if got, _ := near.read(t, id); err == nil && got.Version < e.Version || got.Version > 1 && attempts < 2 {
		t.Errorf("version %d is read after %d was acknowledged, in attempt %d", got.Version, e.Version, attempts)
	}
	if e := far.steadily(t, id, "third"); e.Version < 2 {
		t.Errorf("version %d", e.Version)
	}
}

// The row of an operation is kept as long as any region has a marker of it.
func TestUnsettledIsOfAllRegions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	near, far := w.process(), w.far()
	age := func(p *process) (age time.Duration) {
		eventually(t, "it is known", func() bool {
			var err error
			age, err = p.Unsettled(t.Context())
			return err == nil
		})
		return age
	}
	if a := age(far); a != 0 {
		t.Errorf("without any marker: %s", a)
	}
	// This one does not know the other region, so it cannot know what is there.
	eventually(t, "nothing is known where a region is unknown", func() bool {
		_, err := near.Unsettled(t.Context())
		return errors.Is(err, epoch.ErrUnknownRegion)
	})
	id := newID()
	near.died(t, id, false)
	eventually(t, "it has an age elsewhere, too", func() bool { return age(far) > 0 })
	near.sweep(t, near.hasty())
	eventually(t, "it is settled", func() bool { return age(far) == 0 })
}
