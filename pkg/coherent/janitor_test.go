package coherent

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/epoch"
)

// died is a write that ended after MARK, and maybe after its statement.
func (p *process) died(t *testing.T, id string, wrote bool) Operation {
	t.Helper()
	op := Operation{ID: newToken(), Region: "here"}
	eventually(t, "the cells are marked", func() bool { // again, if the epoch was not held just then
		e := p.epoch(t)
		op.Epoch = e.Number()
		return mark(t.Context(), e, []Cell{thing(id), every}, op.ID.String()) == nil
	})
	if wrote {
		if _, err := statement(t.Context(), p.db, op, id, "orphan"); err != nil {
			t.Fatal(err)
		}
	}
	return op
}

// hasty is a janitor for whom each marker is past its deadline.
func (p *process) hasty() *janitor {
	j := p.janitor()
	j.late = -time.Hour
	return j
}

func (p *process) sweep(t *testing.T, j *janitor) {
	t.Helper()
	eventually(t, "a sweep comes to its end", func() bool { return j.sweep(t.Context(), p.epoch(t)) == nil })
}

// marked counts the cells that have a marker.
func (p *process) marked(t *testing.T, number int64, cells ...Cell) int {
	t.Helper()
	n := 0
	for _, cell := range cells {
		found, err := p.epoch(t).Redis().Exists(t.Context(), cell.key(number, "m")).Result()
		if err != nil {
			t.Fatal(err)
		}
		n += int(found)
	}
	return n
}

// registered counts the markers that the janitor knows of.
func (p *process) registered(t *testing.T, number int64) int64 {
	t.Helper()
	n, err := p.epoch(t).Redis().ZCard(t.Context(), registerKey(number)).Result()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// settled demands that no marker is left on any cell nor in the register.
func (p *process) settled(t *testing.T, number int64, ids ...string) {
	t.Helper()
	cells := []Cell{every}
	for _, id := range ids {
		cells = append(cells, thing(id))
	}
	if n, left := p.marked(t, number, cells...), p.registered(t, number); n != 0 || left != 0 {
		t.Errorf("%d cells are marked, %d markers registered", n, left)
	}
}

func (p *process) found(how string) float64 {
	return testutil.ToFloat64(p.metrics.markers.WithLabelValues(how))
}

func TestTheJanitorResolvesWhatNobodyReads(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	a, b := newID(), newID()
	p.insert(t, a)
	p.insert(t, b)
	lost := p.died(t, a, false)
	p.died(t, b, true)
	e := p.epoch(t)
	j := p.janitor()
	j.late = time.Hour
	p.sweep(t, j)
	if n := p.marked(t, e.Number(), thing(a), thing(b), every); n != 3 {
		t.Errorf("a sweep before its time has left %d of 3 cells marked", n)
	}
	if n := testutil.ToFloat64(p.metrics.marked); n != 4 {
		t.Errorf("the metric says %v markers", n)
	}
	p.sweep(t, p.hasty())
	p.settled(t, e.Number(), a, b)
	if n := p.found("abandoned"); n != 4 {
		t.Errorf("%v markers were counted", n)
	}
	if _, err := statement(t.Context(), p.db, lost, a, "too late"); !crdb.IsUnique(err) {
		t.Errorf("the write that was decided against went through: %v", err)
	}
	if e, s := p.read(t, b); e.Version != 2 {
		t.Errorf("the write that took effect: version %d, %s", e.Version, s.Outcome())
	}
}

func TestTheJanitorRunsUntilItIsStopped(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id := newID()
	p.insert(t, id)
	p.died(t, id, false)
	ctx, quit := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer quit()
	j := p.hasty()
	j.every = 10 * time.Millisecond
	running.Go(func() { j.run(ctx) })
	number := p.epoch(t).Number()
	eventually(t, "the markers are gone", func() bool { return p.marked(t, number, thing(id), every) == 0 && p.registered(t, number) == 0 })
	p.Start() // Stop waits for that one, or the test would never end
	if err := p.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func TestTheRegisterHoldsWhatIsMarked(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id := newID()
	p.insert(t, id)
	change := p.change(id, "second")
	run := change.Run
	change.Run = func(ctx context.Context, op Operation) (Entry, error) {
		if n := p.registered(t, op.Epoch); n != 2 {
			t.Errorf("%d markers are registered during the write", n)
		}
		return run(ctx, op)
	}
	if _, err := p.Write(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	p.behind.Wait()
	if n := p.registered(t, p.epoch(t).Number()); n != 0 {
		t.Errorf("%d markers are registered after it", n)
	}
}

// A reader resolves the cell that it reads; the janitor what is left.
func TestReadersAndTheJanitorShareTheWork(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id := newID()
	p.insert(t, id)
	op := p.died(t, id, true)
	e := p.epoch(t)
	if err := p.resolve(t.Context(), e, []Cell{thing(id)}, op.ID, p.decide); err != nil {
		t.Fatal(err)
	}
	if n := p.registered(t, e.Number()); n != 1 {
		t.Errorf("%d markers are registered", n)
	}
	p.sweep(t, p.hasty())
	p.settled(t, e.Number(), id)
}

// One janitor of a region works at a time. The turn of one that has died ends.
func TestJanitorsTakeTurns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, other := w.process(), w.process()
	id := newID()
	p.insert(t, id)
	p.died(t, id, false)
	e := p.epoch(t)
	look := func(p *process, who string, turn time.Duration) (s state) {
		eventually(t, "the register is read", func() (done bool) {
			var err error
			s, err = inspect(t.Context(), p.epoch(t), who, turn, -time.Hour, 10)
			return err == nil
		})
		return s
	}
	if s := look(p, "first", time.Hour); len(s.overdue) != 2 || s.markers != 2 {
		t.Fatalf("whoever comes first: %+v", s)
	}
	if s := look(p, "first", time.Hour); len(s.overdue) != 2 {
		t.Errorf("and comes again: %+v", s)
	}
	if s := look(other, "second", time.Hour); len(s.overdue) != 0 || s.markers != 2 {
		t.Errorf("another one: %+v", s)
	}
	other.sweep(t, other.hasty())
	if n := other.registered(t, e.Number()); n != 2 || other.found("abandoned") != 0 {
		t.Errorf("out of turn, it left %d markers", n)
	}
	turn := Cell("markers").key(e.Number(), "t")
	if ttl := e.Redis().PTTL(t.Context(), turn).Val(); ttl <= 0 {
		t.Errorf("the turn ends in %s", ttl)
	}
	if err := e.Redis().PExpire(t.Context(), turn, time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other has its turn", func() bool { other.sweep(t, other.hasty()); return other.found("abandoned") == 2 })
	other.settled(t, e.Number(), id)
}

// A sweep is as long as the register, a batch of it never.
func TestALongRegisterIsWorkedOff(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	number := p.epoch(t).Number()
	var ids []string
	for range 11 {
		ids = append(ids, newID())
		p.died(t, ids[len(ids)-1], false)
	}
	j := p.hasty()
	j.batch = 3 // less than two writes have
	p.sweep(t, j)
	p.settled(t, number, ids...)
}

// faulty is an arbiter that fails when it is told to.
type faulty struct {
	Arbiter

	mu    sync.Mutex // guards the rest
	fails bool
	asked []uuid.UUID
}

func (f *faulty) Decide(ctx context.Context, id uuid.UUID) (Outcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, id)
	if f.fails {
		return Outcome{}, errors.New("the database is away")
	}
	return f.Arbiter.Decide(ctx, id)
}

func TestTheJanitorLeavesAnUnwellDatabaseAlone(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	number := p.epoch(t).Number()
	arbiter := &faulty{Arbiter: p.cfg.Arbiter, fails: true}
	p.cfg.Arbiter = arbiter
	var ids []string
	for range janitorFails + 2 {
		ids = append(ids, newID())
		p.died(t, ids[len(ids)-1], false)
	}
	j := p.hasty()
	if err := j.resolveAll(t.Context(), p.epoch(t), p.overdue(t)); err == nil || len(arbiter.asked) != janitorFails {
		t.Errorf("it asked %d times: %v", len(arbiter.asked), err)
	}
	if n := p.registered(t, number); n != int64(2*len(ids)) {
		t.Errorf("%d markers are left", n)
	}
	arbiter.fails, arbiter.asked = false, nil
	p.sweep(t, j)
	p.settled(t, number, ids...)
	if n := len(arbiter.asked); n != len(ids) {
		t.Errorf("it asked %d times about %d writes", n, len(ids))
	}
}

func (p *process) overdue(t *testing.T) []string {
	t.Helper()
	names, err := p.epoch(t).Redis().ZRange(t.Context(), registerKey(p.epoch(t).Number()), 0, -1).Result()
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestANameThatIsNoneIsDropped(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id := newID()
	p.died(t, id, false)
	e := p.epoch(t)
	for _, name := range []string{"x", "/", "not-a-uuid-but-as-long-as-one-is-long/things/1", newID() + "/"} {
		if err := e.Redis().ZAdd(t.Context(), registerKey(e.Number()), redisZ(name)).Err(); err != nil {
			t.Fatal(err)
		}
	}
	p.sweep(t, p.hasty())
	p.settled(t, e.Number(), id)
}

// advance ends the epoch by hand, so that the server and its data stay.
func (w *world) advance(t *testing.T) {
	t.Helper()
	if _, err := w.db.Pool().Exec(t.Context(), `UPDATE redis_epoch SET epoch = epoch + 1, ready = false WHERE region = 'here'`); err != nil {
		t.Fatal(err)
	}
}

// past waits for a later epoch.
func (p *process) past(t *testing.T, number int64) *epoch.Epoch {
	t.Helper()
	var now *epoch.Epoch
	eventually(t, "the next epoch is held", func() bool {
		e, err := p.keeper.Current()
		now = e
		return err == nil && e.Number() > number
	})
	return now
}

func TestTheJanitorBuriesWhatIsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.process()
	id := newID()
	p.insert(t, id)
	before := p.died(t, id, false).Epoch
	w.advance(t)
	p.past(t, before)
	now := p.died(t, id, false).Epoch
	j := p.janitor()
	j.late, j.batch = time.Hour, 1
	p.sweep(t, j)
	p.settled(t, before, id)
	if n := p.marked(t, now, thing(id), every); n != 2 {
		t.Errorf("of this epoch %d cells are marked", n)
	}
	if n := p.found("buried"); n != 2 {
		t.Errorf("%v markers were counted", n)
	}
	e := p.epoch(t)
	w.advance(t)
	eventually(t, "the epoch is over", func() bool { return e.Held() != nil })
	if err := p.janitor().bury(t.Context(), e); !errors.Is(err, epoch.ErrLapsed) {
		t.Errorf("it buries in an epoch that is not held: %v", err)
	}
}

// Raised by hand the number leaps, and the epoch it had is no neighbour.
func TestTheJanitorBuriesWhatWasEndedByHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.process()
	id := newID()
	p.insert(t, id)
	j := p.janitor()
	j.late = time.Hour
	p.sweep(t, j)
	before := p.died(t, id, false).Epoch
	w.raise(t)
	p.past(t, before)
	p.sweep(t, j)
	p.settled(t, before, id)
}

func TestUnsettledIsTheAgeOfTheOldestMarker(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	unsettled := func() (age time.Duration) {
		eventually(t, "it is known", func() bool {
			var err error
			age, err = p.Unsettled(t.Context())
			return err == nil
		})
		return age
	}
	if age := unsettled(); age != 0 {
		t.Errorf("without any marker: %s", age)
	}
	id := newID()
	p.died(t, id, false)
	eventually(t, "it has an age", func() bool { return unsettled() > 0 })
	e := p.epoch(t)
	if err := e.Redis().ZIncrBy(t.Context(), registerKey(e.Number()), -float64((50 * time.Hour).Milliseconds()), p.overdue(t)[0]).Err(); err != nil {
		t.Fatal(err)
	}
	if age := unsettled(); age < 50*time.Hour || age > 51*time.Hour {
		t.Errorf("set 50 hours ago: %s", age)
	}
	p.sweep(t, p.hasty())
	if age := unsettled(); age != 0 {
		t.Errorf("when it is resolved: %s", age)
	}
}

func TestUnsettledIsNotKnownWithoutAnEpoch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.process()
	if err := w.stack.Kill("redis"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is not known", func() bool { _, err := p.Unsettled(t.Context()); return err != nil })
}

func FuzzMarkerOf(f *testing.F) {
	f.Add(marker{newToken().String(), every}.name())
	f.Add("x/y")
	f.Fuzz(func(t *testing.T, name string) {
		if m, ok := markerOf(name); ok && (m.name() != name || m.cell == "") {
			t.Fatalf("%q is %+v", name, m)
		}
	})
}
