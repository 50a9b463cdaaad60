package coherent

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/devstack"
)

func redisZ(name string) redis.Z { return redis.Z{Score: 1, Member: name} }

// A Redis that comes back empty has no markers, and the janitor goes on there.
func TestTheJanitorGoesOnAfterRedisIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.process()
	id := newID()
	p.insert(t, id)
	before := p.died(t, id, true).Epoch
	j := p.hasty()
	w.restart(t)
	p.past(t, before)
	p.sweep(t, j)
	p.settled(t, before, id)
	number := p.died(t, id, true).Epoch
	p.sweep(t, j)
	p.settled(t, number, id)
	if e, s := p.read(t, id); e.Version != 3 {
		t.Errorf("version %d, %s", e.Version, s.Outcome())
	}
}

// One that comes back with what it had holds markers of an epoch that is over,
// and they would stay for ever.
func TestTheJanitorBuriesWhatARedisBringsBack(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, devstack.Options{RedisPersists: true})
	p := w.process()
	id := newID()
	p.insert(t, id)
	before := p.died(t, id, true).Epoch
	w.restart(t)
	p.past(t, before)
	if n := p.marked(t, before, thing(id), every); n != 2 {
		t.Fatalf("%d markers came back, so nothing is tested", n)
	}
	p.sweep(t, p.janitor())
	p.settled(t, before, id)
}

func (w *world) restart(t *testing.T) {
	t.Helper()
	if err := w.stack.Kill("redis"); err != nil {
		t.Fatal(err)
	}
	if err := w.stack.Start(t.Context(), "redis"); err != nil {
		t.Fatal(err)
	}
}

// A server that has no room left refuses values, also those that writers leave,
// not to mark, to register, to unmark or to name what is overdue.
func TestAFullServerTakesWritesAndIsSwept(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id, other := newID(), newID()
	p.insert(t, id)
	p.insert(t, other)
	e := p.epoch(t)
	if err := e.Redis().ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if err := e.Redis().Set(t.Context(), "cache:x", "y", 0).Err(); !redis.HasErrorPrefix(err, "OOM") {
		t.Fatalf("the server takes more, so nothing is tested: %v", err)
	}
	p.write(t, id, "second")
	p.behind.Wait()
	if n := e.Redis().Exists(t.Context(), keys(e, thing(id))[0]).Val(); n != 0 {
		t.Error("the value was taken, and so would be any number of them")
	}
	p.died(t, other, true)
	if n := p.registered(t, e.Number()); n != 2 {
		t.Errorf("%d markers are registered", n)
	}
	p.sweep(t, p.hasty())
	p.settled(t, e.Number(), id, other)
	for _, id := range []string{id, other} {
		if e, s := p.read(t, id); e.Version != 2 {
			t.Errorf("version %d, %s", e.Version, s.Outcome())
		}
	}
}
