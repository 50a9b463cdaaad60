package sessions

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/fault"
)

// ends are all ways to end every session of a subject by a client.
func (w *world) ends(subject, client string) map[string]func(context.Context) (int64, error) {
	return map[string]func(context.Context) (int64, error){
		"subject": func(ctx context.Context) (int64, error) { return w.EndSubject(ctx, subject, "", nil) },
		"client":  func(ctx context.Context) (int64, error) { return w.EndClient(ctx, client, nil) },
		"all":     w.EndAll,
	}
}

func must(t *testing.T, do func() (int64, error), want int64) {
	t.Helper()
	if n, err := do(); err != nil || n != want {
		t.Errorf("ended %d, %v; want %d", n, err, want)
	}
}

// Wherever a login is when its sessions are ended, it comes to nothing.
func TestALoginInFlightDoesNotSurvive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	for name, endAll := range w.ends("user", "web") {
		end := func() (int64, error) { return endAll(t.Context()) }
		before := w.login("user", "web")
		if _, err := w.try("user", "web", func() { must(t, end, 1) }); !errors.Is(err, ErrMoved) {
			t.Errorf("%s: before its row: %v", name, err)
		}
		w.at = func(step string) {
			if step == "login committed" {
				w.at = func(string) {}
				must(t, end, 0)
			}
		}
		late, err := w.try("user", "web", nil)
		if !errors.Is(err, ErrMoved) || w.live(late) {
			t.Errorf("%s: after its row: %v", name, err)
		}
		if w.live(before) {
			t.Errorf("%s: it lives on", name)
		}
		if after := w.login("user", "web"); !w.live(after) {
			t.Errorf("%s: a login afterwards", name)
		}
		must(t, end, 1)
	}
	if n := w.count(`SELECT count(*) FROM sessions WHERE subject = 'user'`); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

// An end of more sessions than fit a transaction ends each, counts each, and
// spares what it must.
func TestAnEndOfManySessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	const many = 2*page + 1
	ids, others := w.many(many, "user", "web"), w.many(10, "other", "app")
	spared := w.login("user", "web")
	must(t, func() (int64, error) { return w.EndSubject(t.Context(), "user", spared.SessionID, nil) }, many)
	for _, id := range ids {
		if w.alive("user", id, id) {
			t.Fatal("a session lives on")
		}
	}
	for _, id := range others {
		if !w.alive("other", id, id) {
			t.Fatal("somebody else's session ended")
		}
	}
	if !w.live(spared) {
		t.Error("the excepted session ended")
	}
	if n := w.count(`SELECT count(*) FROM tombstones WHERE kind = 'session' AND subject = 'user'
		AND expires_at BETWEEN now() + INTERVAL '24 hours' AND now() + INTERVAL '25 hours'`); n != many {
		t.Errorf("%d tombstones", n)
	}
	if n := w.count(`SELECT sum((detail->>'sessions')::INT8)::INT8 FROM audit WHERE type = 'user.end_sessions' AND subject = 'user'`); n != many {
		t.Errorf("%d sessions in the log", n)
	}
	if n := w.count(`SELECT count(*) FROM sessions WHERE subject = 'user'`); n != 1 {
		t.Errorf("%d rows are left", n)
	}
	must(t, func() (int64, error) { return w.EndSubject(t.Context(), "user", "", nil) }, 1)
}

var errNo = fault.New(fault.Conflict, "no", "no")

// A change of the caller's and the end are one.
func TestAnEndWithAChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	i := w.login("user", "web")
	change := func(fails error) Change {
		return func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO clients (client_id) VALUES ('made')`)
			return errors.Join(err, fails)
		}
	}
	if _, err := w.EndSubject(t.Context(), "user", "", change(errNo)); !errors.Is(err, errNo) || strings.Contains(err.Error(), "SQL") {
		t.Fatal(err)
	}
	if n := w.count(`SELECT (SELECT count(*) FROM clients) + (SELECT count(*) FROM tombstones) + (SELECT count(*) FROM cutoffs)`); n != 0 || !w.live(i) {
		t.Fatal("half of it happened")
	}
	must(t, func() (int64, error) { return w.EndSubject(t.Context(), "user", "", change(nil)) }, 1)
	if n := w.count(`SELECT count(*) FROM clients`); n != 1 || w.live(i) {
		t.Fatal("half of it happened")
	}
}

// What was exchanged for a session elsewhere ends with it, also the exchange that
// is under way, and nothing else does.
func TestAnEndOfAnOrigin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	exchange := func(origin string, between func()) (Issued, error) {
		l, err := w.Begin(t.Context(), "web")
		if err != nil {
			t.Fatal(err)
		}
		if between != nil {
			between()
		}
		g := grantTo("user_1", "web")
		g.Origin = origin
		return w.Create(t.Context(), l, g)
	}
	end := func(origin string, want int64) {
		t.Helper()
		must(t, func() (int64, error) {
			return w.EndOrigin(t.Context(), origin, func(ctx context.Context, tx pgx.Tx) error {
				_, err := bearer.Bury(ctx, tx, bearer.Tombstone{
					Kind: bearer.KindClerkSession, ID: origin, Subject: "user_1", Expires: time.Now().Add(time.Hour),
				})
				return err
			})
		}, want)
	}
	other, err := exchange("sess_other", nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := exchange("sess_1", nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := exchange("sess_1", func() { end("sess_1", 2) }); !errors.Is(err, ErrMoved) {
		t.Errorf("before its row: %v", err)
	}
	w.at = func(step string) {
		if step == "login committed" {
			w.at = func(string) {}
			end("sess_2", 0)
		}
	}
	if _, err := exchange("sess_2", nil); !errors.Is(err, ErrMoved) {
		t.Errorf("after its row: %v", err)
	}
	if _, err := exchange("sess_1", nil); !errors.Is(err, ErrMoved) {
		t.Errorf("afterwards: %v", err)
	}
	if !w.live(other) {
		t.Error("another session ended")
	}
	if n := w.count(`SELECT count(*) FROM audit WHERE type = 'session.end' AND subject = 'user_1' AND session_id <> ''`); n != 3 {
		t.Errorf("%d ends in the log", n)
	}
}
