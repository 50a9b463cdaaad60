package sessions

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
)

// stream lets users log in, one after the other, until the test calls stop.
func (w *world) stream() (logins *atomic.Int64, stop func()) {
	ctx, cancel := context.WithCancel(w.tb.Context())
	logins = new(atomic.Int64)
	var group sync.WaitGroup
	for n := range 4 {
		group.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				l, err := w.Begin(ctx, "busy")
				if err == nil {
					_, err = w.Create(ctx, l, grantTo(fmt.Sprintf("user-%d-%d", n, i), "busy"))
				}
				if err != nil && !errors.Is(err, ErrMoved) && ctx.Err() == nil {
					w.tb.Error(err)
				}
				logins.Add(1)
			}
		})
	}
	return logins, func() {
		cancel()
		group.Wait()
	}
}

// Whoever ends sessions does not have to wait until nobody logs in.
func TestEndsGetThroughAStreamOfLogins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	ctx := t.Context()
	w.many(page+10, "user", "web")
	single, spared, named := w.login("anna", "web"), w.login("anna", "web"), w.login("bert", "web")
	logins, stop := w.stream()
	defer stop()
	for _, end := range []struct {
		name string
		do   func() (int64, error)
		most bool // also sessions of the stream
		want int64
	}{
		{"session", func() (int64, error) { return w.EndSession(ctx, single.Subject, single.SessionID) }, false, 1},
		{"token", func() (int64, error) {
			return w.EndToken(ctx, &bearer.Claims{
				ID: named.TokenID, Subject: named.Subject, ClientID: "web", SessionID: named.SessionID, Expires: named.Expires.Unix(),
			})
		}, false, 1},
		{"all but one", func() (int64, error) { return w.EndSubject(ctx, "anna", spared.SessionID, nil) }, false, 0},
		{"subject", func() (int64, error) { return w.EndSubject(ctx, "user", "", nil) }, false, page + 10},
		{"origin", func() (int64, error) {
			return w.EndOrigin(ctx, "sess_1", func(ctx context.Context, tx pgx.Tx) error {
				_, err := bearer.Bury(ctx, tx, bearer.Tombstone{Kind: bearer.KindClerkSession, ID: "sess_1", Subject: "user_1", Expires: time.Now().Add(time.Hour)})
				return err
			})
		}, false, 0},
		{"client", func() (int64, error) { return w.EndClient(ctx, "web", nil) }, false, 2},
		{"before", func() (int64, error) { return w.EndBefore(ctx, named.IssuedAt) }, true, 0},
		{"busy client", func() (int64, error) { return w.EndClient(ctx, "busy", nil) }, true, 1},
		{"all", func() (int64, error) { return w.EndAll(ctx) }, true, 1},
	} {
		before := logins.Load()
		w.await("logins", func() bool { return logins.Load() > before+20 })
		if n, err := end.do(); err != nil || n < end.want || !end.most && n > end.want {
			t.Errorf("%s: ended %d, %v", end.name, n, err)
		}
	}
}

// What is announced of an end is the moment from which sessions live on, also
// for a page that was ended later.
func TestAnEndIsOfWhatBeganBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	w.many(page+10, "user", "web")
	w.stopped(1, func(ctx context.Context) (int64, error) { return w.EndSubject(ctx, "user", "", nil) })
	after := w.login("user", "web")
	w.grown()
	if _, err := w.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !w.live(after) {
		t.Fatal("a later login has ended")
	}
	id := uuid.MustParse(after.SessionID)
	const early = `SELECT count(*) FROM audit WHERE type = 'user.end_sessions' AND (detail->>'before')::TIMESTAMPTZ
		< (SELECT created_at FROM sessions WHERE id = $1)`
	if all, n := w.count(`SELECT count(*) FROM audit WHERE type = 'user.end_sessions'`), w.count(early, id); n != all || all < 2 {
		t.Errorf("%d of %d entries say so", n, all)
	}
}
