package relay

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/invalidation"
)

// there tells which of the operations are still in the table.
func (p *plant) there(ids ...uuid.UUID) map[uuid.UUID]bool {
	p.t.Helper()
	rows, err := p.owner.Pool().Query(p.t.Context(), `SELECT op_id FROM operations WHERE op_id = ANY($1)`, ids)
	if err != nil {
		p.t.Fatal(err)
	}
	left, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		p.t.Fatal(err)
	}
	found := map[uuid.UUID]bool{}
	for _, id := range left {
		found[id] = true
	}
	return found
}

func TestOnlyWhatIsDoneAndOldIsDeleted(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	r := p.relay(nil)
	const hour = time.Hour
	old, young := time.Now().Add(-retainFor-hour), time.Now().Add(-retainFor+hour)
	publish := func(id uuid.UUID, at time.Time) uuid.UUID {
		p.exec(`UPDATE operations SET published = true, published_at = $2 WHERE op_id = $1`, id, at)
		return id
	}
	abort := func(id uuid.UUID) uuid.UUID {
		p.exec(`UPDATE operations SET published = true, version = NULL WHERE op_id = $1`, id)
		return id
	}
	cases := map[string]struct {
		id   uuid.UUID
		kept bool
	}{
		"announced long ago":           {publish(p.insert("a", 1, old, "committed", ""), old.Add(time.Second)), false},
		"announced after an outage":    {publish(p.insert("b", 1, old, "committed", ""), young), true},
		"announced not long ago":       {publish(p.insert("c", 1, young, "committed", ""), young), true},
		"never announced":              {p.insert("d", 1, old.Add(-1000*hour), "committed", ""), true},
		"decided against long ago":     {abort(p.insert("e", 1, old, "aborted", "")), false},
		"decided against not long ago": {abort(p.insert("f", 1, young, "aborted", "")), true},
	}
	for shard := range int64(invalidation.Shards) {
		if _, _, err := r.store.tidy(t.Context(), shard, retainFor, tidyRows); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range cases {
		if there := p.there(c.id)[c.id]; there != c.kept {
			t.Errorf("%s: there %t, want %t", name, there, c.kept)
		}
	}
}

// aged adds announced rows of one subject, some time old, the oldest first.
func (p *plant) aged(id string, n int, age time.Duration) (ids []uuid.UUID) {
	p.t.Helper()
	created := time.Now().Add(-age)
	for i := range n {
		op := p.insert(id, int64(i+1), created.Add(time.Duration(i)*time.Millisecond), "committed", "")
		p.exec(`UPDATE operations SET published = true, published_at = $2 WHERE op_id = $1`, op, created)
		ids = append(ids, op)
	}
	return ids
}

func TestALittleIsDeletedAtATime(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	ids := p.aged("a", 25, 2*retainFor)
	r, shard := p.relay(nil), invalidation.Shard(subjectOf("a"))
	for _, want := range []struct {
		deleted int64
		more    bool
	}{{10, true}, {10, true}, {5, false}, {0, false}} {
		deleted, more, err := r.store.tidy(t.Context(), shard, retainFor, 10)
		if err != nil || deleted != want.deleted || more != want.more {
			t.Errorf("%d rows were deleted, more %t, want %+v: %v", deleted, more, want, err)
		}
		if first := len(ids) - len(p.there(ids...)); first > 0 && len(p.there(ids[:first]...)) != 0 {
			t.Errorf("of %d rows that are gone, not all are the oldest", first)
		}
	}
}

// A relay deletes as it goes, with the rights that a service has, from the shards
// that it holds.
func TestARelayTidies(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	const rows = 25
	ids := append(p.aged("a", rows, 2*retainFor), p.aged("b", rows, 2*retainFor)...)
	kept := p.insert("c", 1, time.Now().Add(-2*retainFor), "committed", `{}`) // it cannot be announced
	r := p.relay(nil)
	r.settings().tidyEvery = 10 * time.Millisecond
	p.start(r)
	p.eventually("what is old is deleted", func() bool { return len(p.there(ids...)) == 0 })
	p.eventually("it is counted", func() bool { return r.value(t, "invalidation_outbox_deleted_total") == 2*rows })
	p.stop(r)
	if !p.there(kept)[kept] {
		t.Error("a row was deleted that was never announced")
	}
}

func TestARelayTidiesOnlyItsShards(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	ids := p.aged("a", 3, 2*retainFor)
	r := p.relay(nil)
	shard := invalidation.Shard(subjectOf("a"))
	tidied := func(shards ...int64) int {
		r.held.Store(&shards)
		if _, err := r.tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		return len(ids) - len(p.there(ids...))
	}
	if _, err := r.tidy(t.Context()); err != nil || len(p.there(ids...)) != len(ids) {
		t.Errorf("before it held any: %v", err)
	}
	if n := tidied((shard + 1) % invalidation.Shards); n != 0 {
		t.Errorf("%d rows of a shard that it does not hold were deleted", n)
	}
	if n := tidied(shard); n != len(ids) {
		t.Errorf("%d rows were deleted", n)
	}
}

// What somebody may still ask about stays, however old, and so does everything if
// that cannot be known.
func TestNothingIsDeletedThatMayBeAskedAbout(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	const hour = time.Hour
	var ids []uuid.UUID
	for _, age := range []time.Duration{49 * hour, 60 * hour, 70 * hour, 90 * hour} {
		ids = append(ids, p.aged("x"+age.String(), 1, age)...)
	}
	var asked time.Duration
	var unknown error
	r := p.relay(func(c *Config) {
		c.Asked = func(context.Context) (time.Duration, error) { return asked, unknown }
	})
	var all []int64
	for shard := range int64(invalidation.Shards) {
		all = append(all, shard)
	}
	r.held.Store(&all)
	for _, step := range []struct {
		asked time.Duration
		err   error
		left  int
	}{
		{0, errors.New("Redis is away"), 4},
		{80 * hour, nil, 3},
		{70*hour - askedMargin/2, nil, 3},
		{50 * hour, nil, 1},
		{time.Second, nil, 0},
	} {
		asked, unknown = step.asked, step.err
		if _, err := r.tidy(t.Context()); !errors.Is(err, step.err) {
			t.Errorf("%+v: %v", step, err)
		}
		if n := len(p.there(ids...)); n != step.left {
			t.Errorf("%+v: %d rows are left", step, n)
		}
	}
}
