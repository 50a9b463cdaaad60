package sessions

import (
	"context"
	"testing"

	"tandem.example/pkg/devstack"
)

// stopped begins an end, and leaves it after so many pages.
func (w *world) stopped(pages int, end func(ctx context.Context) (int64, error)) {
	w.tb.Helper()
	ctx, cancel := context.WithCancel(w.tb.Context())
	defer cancel()
	w.at = func(step string) {
		if step == "end committed" {
			if pages--; pages == 0 {
				cancel()
			}
		}
	}
	if n, err := end(ctx); err == nil {
		w.tb.Errorf("it was not stopped: %d", n)
	}
	w.at = func(string) {}
}

// grown makes everybody wait no more for whoever began.
func (w *world) grown() {
	w.tb.Helper()
	for _, statement := range []string{
		`UPDATE cutoffs SET updated_at = now() - INTERVAL '2 minutes'`, `UPDATE sessions SET ended_at = now() - INTERVAL '2 minutes' WHERE ended_at IS NOT NULL`,
	} {
		if _, err := w.db.Pool().Exec(w.tb.Context(), statement); err != nil {
			w.tb.Fatal(err)
		}
	}
}

func TestAnEndThatWasLeftIsFinished(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	for name, end := range w.ends("user", "web") {
		ids := w.many(page+10, "user", "web")
		w.stopped(1, func(ctx context.Context) (int64, error) { return end(ctx) })
		after := w.login("user", "web") // when the end had begun
		if more, err := w.Resume(t.Context()); err != nil || more {
			t.Fatal(more, err)
		}
		if !w.alive("user", ids[0], ids[0]) {
			t.Errorf("%s: taken from whoever is at work on it", name)
		}
		w.grown()
		for more := true; more; {
			var err error
			if more, err = w.Resume(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for _, id := range ids {
			if w.alive("user", id, id) {
				t.Fatalf("%s: a session lives on", name)
			}
		}
		if !w.live(after) {
			t.Errorf("%s: a later login has ended", name)
		}
		if n := w.count(`SELECT count(*) FROM cutoffs WHERE pending`) + w.count(`SELECT count(*) FROM sessions`); n != 1 {
			t.Errorf("%s: %d things are left to do", name, n-1)
		}
		must(t, func() (int64, error) { return w.EndSubject(t.Context(), "user", "", nil) }, 1)
	}
}

// Repeating the call does as well, and counts what the first has left.
func TestAnEndThatWasLeftIsRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	ids := w.many(2*page+10, "user", "web")
	w.stopped(2, func(ctx context.Context) (int64, error) { return w.EndSubject(ctx, "user", "", nil) })
	must(t, func() (int64, error) { return w.EndSubject(t.Context(), "user", "", nil) }, page+10)
	for _, id := range ids {
		if w.alive("user", id, id) {
			t.Fatal("a session lives on")
		}
	}
}

// A session that an end has left behind is over. A later end that spares the
// session it comes from does not bring it back.
func TestWhatIsOverCannotBeSpared(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	ids := w.many(page+10, "user", "web")
	w.stopped(1, func(ctx context.Context) (int64, error) { return w.EndSubject(ctx, "user", "", nil) })
	last := ids[len(ids)-1]
	must(t, func() (int64, error) { return w.EndSubject(t.Context(), "user", last, nil) }, page+10)
	if w.alive("user", last, last) {
		t.Error("a session lives on")
	}
	here := w.login("user", "web")
	must(t, func() (int64, error) { return w.EndSubject(t.Context(), "user", here.SessionID, nil) }, 0)
	if !w.live(here) {
		t.Error("a live session was not spared")
	}
}

func TestAnEndThatWasLeftIsFinishedForWhoeverAsks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	ids := w.many(page+10, "user", "web")
	must(t, func() (int64, error) { return w.FinishSubject(t.Context(), "user") }, 0)
	if !w.alive("user", ids[0], ids[0]) {
		t.Fatal("it ended what was not over")
	}
	w.stopped(1, func(ctx context.Context) (int64, error) { return w.EndSubject(ctx, "user", "", nil) })
	after := w.login("user", "web")
	must(t, func() (int64, error) { return w.FinishSubject(t.Context(), "user") }, page+10)
	for _, id := range ids {
		if w.alive("user", id, id) {
			t.Fatal("a session lives on")
		}
	}
	if !w.live(after) {
		t.Error("a later login has ended")
	}
	must(t, func() (int64, error) { return w.FinishSubject(t.Context(), "user") }, 0)
}

func TestOneEndThatWasLeftIsFinished(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	i := w.login("user", "web")
	w.stopped(1, func(ctx context.Context) (int64, error) { return w.EndSession(ctx, i.Subject, i.SessionID) })
	if !w.live(i) {
		t.Fatal("it was not left")
	}
	w.grown()
	if _, err := w.Resume(t.Context()); err != nil || w.live(i) {
		t.Fatal("it lives on", err)
	}
}

// Rows go when their session cannot live any more, and not before.
func TestRowsOfExpiredSessionsGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	w.many(page+1, "user", "web")
	if _, err := w.db.Pool().Exec(t.Context(), `UPDATE sessions SET expires_at = now() - INTERVAL '6 minutes'`); err != nil {
		t.Fatal(err)
	}
	w.many(1, "user", "web")
	if _, err := w.db.Pool().Exec(t.Context(), `UPDATE sessions SET expires_at = now() - INTERVAL '4 minutes' WHERE expires_at > now()`); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		if more, err := w.Resume(t.Context()); err != nil || more != want {
			t.Fatal(more, err)
		}
	}
	if n := w.count(`SELECT count(*) FROM sessions`); n != 1 {
		t.Errorf("%d rows are left", n)
	}
}
