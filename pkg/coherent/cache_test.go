package coherent

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/epoch"
)

func TestReadMissesThenHitsThenSeesTheOthersWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.process(), w.process()
	id := newID()
	one.insert(t, id)
	if e, s := one.read(t, id); s != Miss || string(e.Body) != "first" {
		t.Fatalf("the first read: %v %q", s.Outcome(), e.Body)
	}
	if e, s := two.read(t, id); s != Hit || e.Version != 1 {
		t.Fatalf("the second read: %v %d", s.Outcome(), e.Version)
	}
	two.write(t, id, "second")
	if e, s := one.read(t, id); e.Version != 2 || string(e.Body) != "second" {
		t.Fatalf("after the write: %v, version %d", s.Outcome(), e.Version)
	}
	eventually(t, "the new version is hit", func() bool {
		e, s := one.read(t, id)
		return s == Hit && e.Version == 2
	})
}

func TestWriteOfWhatIsNotThereLeavesNoMarker(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id := newID()
	if _, err := p.Write(t.Context(), p.change(id, "x")); !errors.Is(err, errGone) {
		t.Fatalf("got %v", err)
	}
	p.insert(t, id)
	eventually(t, "the cell can be filled", func() bool { _, s := p.read(t, id); return s == Hit })
}

// The writer died after MARK: readers go on at the database, and whoever comes
// after the deadline makes sure that the write never happens.
func TestAnAbandonedMarkerIsResolved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.process()
	id := newID()
	p.insert(t, id)
	op := p.abandon(t, id, time.Millisecond)
	if e, s := p.read(t, id); s != BypassMarked || e.Version != 1 {
		t.Fatalf("while marked: %v, version %d", s.Outcome(), e.Version)
	}
	eventually(t, "the cell can be filled", func() bool { _, s := p.read(t, id); return s == Hit })
	_, err := statement(t.Context(), p.db, op, id, "too late")
	if !crdb.IsUnique(err) {
		t.Fatalf("the write that was decided against went through: %v", err)
	}
	if e, _ := p.read(t, id); e.Version != 1 {
		t.Fatalf("version %d", e.Version)
	}
}

// The writer died after its statement: the resolver finds the version and drops
// what is older.
func TestAFinishedWriteIsResolvedForward(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id := newID()
	p.insert(t, id)
	op := p.abandon(t, id, time.Millisecond)
	if _, err := statement(t.Context(), p.db, op, id, "second"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new version is hit", func() bool {
		e, s := p.read(t, id)
		if e.Version != 2 {
			t.Fatalf("a read after the write returned version %d", e.Version)
		}
		return s == Hit
	})
}

// abandon leaves a marker that is overdue after the given time.
func (p *process) abandon(t *testing.T, id string, overdue time.Duration) Operation {
	t.Helper()
	e := p.home(t)
	op := Operation{ID: newToken(), Region: "here", Epoch: e.Number()}
	for _, cell := range []Cell{thing(id), every} {
		err := markScript.Run(t.Context(), e.Redis(), keys(e, cell), op.ID.String(), overdue.Milliseconds()).Err()
		if err != nil {
			t.Fatal(err)
		}
	}
	return op
}

// A writer that stalls past its deadline loses its attempt and tries again.
func TestAStalledWriterTriesAgain(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id := newID()
	p.insert(t, id)
	attempts := 0
	change := p.change(id, "second")
	run := change.Run
	change.Run = func(ctx context.Context, op Operation) (Entry, error) {
		if attempts++; attempts == 1 {
			if o, err := p.cfg.Arbiter.Decide(ctx, op.ID); err != nil || o.Committed() {
				t.Errorf("decided: %v, %v", o, err)
			}
		}
		return run(ctx, op)
	}
	e, err := p.Write(t.Context(), change)
	if err != nil || e.Version != 2 || attempts != 2 {
		t.Fatalf("version %d after %d attempts: %v", e.Version, attempts, err)
	}
}

// The answer to the statement is lost. Whether it took effect or not, the caller
// hears the truth.
func TestALostAnswerIsSettled(t *testing.T) {
	t.Parallel()
	lost := errors.New("read tcp: connection reset by peer")
	for name, runs := range map[string]bool{"after it took effect": true, "before it arrived": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newWorld(t).process()
			id := newID()
			p.insert(t, id)
			attempts := 0
			change := p.change(id, "second")
			run := change.Run
			change.Run = func(ctx context.Context, op Operation) (Entry, error) {
				attempts++
				if attempts > 1 || runs {
					if e, err := run(ctx, op); err != nil || attempts > 1 {
						return e, err
					}
				}
				return Entry{}, lost
			}
			e, err := p.Write(t.Context(), change)
			if err != nil || e.Version != 2 {
				t.Fatalf("version %d: %v", e.Version, err)
			}
			if got, _ := p.read(t, id); got.Version != 2 {
				t.Fatalf("written %d times", got.Version-1)
			}
		})
	}
}

// hindered is an arbiter that cannot decide.
type hindered struct{ why error }

func (h hindered) Decide(context.Context, uuid.UUID) (Outcome, error) { return Outcome{}, h.why }

// Nobody can tell: the caller hears that, and the marker keeps readers at the
// database, which knows.
func TestAnOutcomeNobodyKnowsIsSaidSo(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id := newID()
	p.insert(t, id)
	p.cfg.Arbiter = hindered{crdb.ErrUnavailable}
	change := p.change(id, "second")
	run := change.Run
	change.Run = func(ctx context.Context, op Operation) (Entry, error) {
		_, err := run(ctx, op)
		return Entry{}, errors.Join(errors.New("read tcp: connection reset by peer"), err)
	}
	if _, err := p.Write(t.Context(), change); !errors.Is(err, crdb.ErrAmbiguous) {
		t.Fatalf("got %v", err)
	}
	if e, s := p.read(t, id); s != BypassMarked || e.Version != 2 {
		t.Fatalf("%v, version %d", s.Outcome(), e.Version)
	}
}

// What keeps the outcome from being known may look like a reason to try again.
// The statement took effect, so a second attempt would write twice.
func TestAnUnknownOutcomeIsNeverRepeated(t *testing.T) {
	t.Parallel()
	busy := crdb.Fault(&pgconn.PgError{Code: "40001"})
	for name, hinder := range map[string]func(*process, *Change){
		"the arbiter meets contention": func(p *process, _ *Change) { p.cfg.Arbiter = hindered{busy} },
		"the recall meets contention": func(_ *process, c *Change) {
			c.Recall = func(context.Context, Operation, int64) (Entry, error) { return Entry{}, busy }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newWorld(t).process()
			id := newID()
			p.insert(t, id)
			change := p.change(id, "second")
			hinder(p, &change)
			run := change.Run
			change.Run = func(ctx context.Context, op Operation) (Entry, error) {
				_, err := run(ctx, op)
				return Entry{}, errors.Join(errors.New("read tcp: connection reset by peer"), err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if _, err := p.Write(ctx, change); !errors.Is(err, crdb.ErrAmbiguous) {
				t.Errorf("got %v", err)
			}
			if e, _ := p.read(t, id); e.Version != 2 {
				t.Errorf("written %d times", e.Version-1)
			}
		})
	}
}

func TestWithoutRedisNothingIsWrittenAndReadsGoOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.process()
	id := newID()
	p.insert(t, id)
	if err := w.stack.Kill("redis"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write(t.Context(), p.change(id, "second")); !errors.Is(err, epoch.ErrUnavailable) {
		t.Fatalf("a write that could not be marked: %v", err)
	}
	if e, s := p.read(t, id); s != BypassNoRedis || e.Version != 1 {
		t.Fatalf("%v, version %d", s.Outcome(), e.Version)
	}
}

func TestAdmitComesBeforeTheDatabase(t *testing.T) {
	t.Parallel()
	p := newWorld(t).process()
	id := newID()
	p.insert(t, id)
	refused := errors.New("not live")
	p.cfg.Admit = func(context.Context) error { return refused }
	load := func(context.Context) (Entry, error) {
		t.Error("the database was asked for a caller who was not admitted")
		return Entry{}, nil
	}
	if _, _, err := p.Read(t.Context(), thing(id), load); !errors.Is(err, refused) {
		t.Errorf("read: %v", err)
	}
	if _, _, err := p.Fresh(t.Context(), load); !errors.Is(err, refused) {
		t.Errorf("fresh: %v", err)
	}
}
