package sessions

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
)

// An instance dies between two steps of an end of many sessions, on the first or
// on the second page. The call repeated, or the sweeper, completes it. An end that
// was answered is complete.
func TestAnInstanceDiesOfAnEndOfMany(t *testing.T) {
	t.Parallel()
	all := []string{"end committed", "end in redis", "end complete"}
	for _, test := range []struct {
		call   string
		steps  []string
		sweeps bool // what was begun is finished when nobody repeats it
	}{{"subject", all, true}, {"client", all[:1], true}, {"all", all[1:2], true}, {"before", all[:2], false}} {
		t.Run(test.call, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, devstack.Options{})
			w.endOfMany(test.call, "answered", 1, false)
			for _, step := range test.steps {
				for times := range 2 {
					w.endOfMany(test.call, step, times+1, false)
					if test.sweeps {
						w.endOfMany(test.call, step, times+1, true)
					}
				}
			}
		})
	}
}

// endOfMany makes sessions, dies of ending them, and looks what becomes of that.
func (w *world) endOfMany(call, step string, times int, sweep bool) {
	w.tb.Helper()
	what := fmt.Sprintf("%s, %s for the %d. time, swept: %v", call, step, times, sweep)
	ids := w.many(page+5, "user", "web")
	other := w.login("other", "app")
	d := death{Call: call, Step: step, Times: times, Subject: "user", Client: "web"}
	if err := w.db.Pool().QueryRow(w.tb.Context(), `SELECT now()`).Scan(&d.Before); err != nil {
		w.tb.Fatal(err)
	}
	w.dies(d)
	if n := w.liveOf("user", ids); step == "answered" && n > 0 {
		w.tb.Errorf("%s: %d live on", what, n)
	}
	after := w.login("user", "web") // while the end is half done
	if sweep {
		w.sweep()
	} else {
		left := w.liveOf("user", ids) + w.liveOf("user", []string{after.SessionID})
		switch {
		case call == "before":
			left = w.liveOf("user", ids)
			if w.live(other) {
				left++
			}
		case call == "all" && w.live(other):
			left++
		}
		if n, err := d.end(w.tb.Context(), w.Store); err != nil || n != left {
			w.tb.Errorf("%s: repeated: %d, %v; want %d", what, n, err, left)
		}
	}
	if n := w.liveOf("user", ids); n > 0 {
		w.tb.Errorf("%s: %d live on", what, n)
	}
	if n := w.count(`SELECT count(*) FROM tombstones WHERE kind = 'session' AND id = ANY ($1)`, ids); n != int64(len(ids)) {
		w.tb.Errorf("%s: %d of them are buried", what, n)
	}
	if n := w.count(`SELECT count(*) FROM sessions WHERE id = ANY ($1::UUID[])`, ids); n > 0 {
		w.tb.Errorf("%s: %d rows are left", what, n)
	}
	if spared := call == "subject" || call == "client"; w.live(other) != spared {
		w.tb.Errorf("%s: somebody else lives: %v", what, !spared)
	}
	if spared := sweep || call == "before"; w.live(after) != spared {
		w.tb.Errorf("%s: a later login lives: %v", what, !spared)
	}
	if _, err := w.EndAll(w.tb.Context()); err != nil {
		w.tb.Fatal(err)
	}
}

// An instance dies of ending one session, or a few; whoever asks again completes
// it, and nobody else is logged out.
func TestAnInstanceDiesOfAnEndOfOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	all := []string{"end committed", "end in redis", "end complete", "answered"}
	for call, steps := range map[string][]string{
		"session": all, "refresh token": all, "origin": all, "token": {"end committed", "end in redis", "answered"},
		"reuse": append([]string{"refresh in redis"}, all...),
	} {
		for _, step := range steps {
			w.endOfOne(call, step)
		}
	}
}

func (w *world) endOfOne(call, step string) {
	w.tb.Helper()
	ctx := w.tb.Context()
	what := call + ", " + step
	i, other := w.exchange("user", what), w.exchange("user", "other")
	d := death{
		Call: call, Step: step, Times: 1, Subject: i.Subject, Client: i.ClientID, Session: i.SessionID, Token: i.TokenID, Refresh: i.Refresh, Origin: what,
	}
	again := d.end
	if call == "reuse" {
		latest := w.refreshed(w.refreshed(i))
		again = func(ctx context.Context, s *Store) (int64, error) {
			_, err := s.Refresh(ctx, latest.Refresh, i.ClientID, allowed) // whoever has the right one is told as well
			if errors.Is(err, ErrReused) || step != "refresh in redis" && errors.Is(err, ErrEnded) {
				err = nil
			}
			return 0, err
		}
	}
	w.dies(d)
	before := w.live(i)
	if before && step != "end committed" {
		w.tb.Errorf("%s: it lives on", what)
	}
	n, err := again(ctx, w.Store)
	if err != nil || (n == 1) != before {
		w.tb.Errorf("%s: repeated: %d, %v; lived: %v", what, n, err, before)
	}
	buried := i.SessionID
	if call == "token" {
		buried = i.TokenID
		w.refreshed(i) // the session lives
	} else if _, err := w.Refresh(ctx, i.Refresh, i.ClientID, allowed); err == nil {
		w.tb.Errorf("%s: it can be refreshed", what)
	}
	if w.live(i) {
		w.tb.Errorf("%s: it lives on", what)
	}
	if n := w.count(`SELECT count(*) FROM tombstones WHERE id = $1`, buried); n != 1 {
		w.tb.Errorf("%s: %d tombstones", what, n)
	}
	if !w.live(other) {
		w.tb.Errorf("%s: another session has ended", what)
	}
}

// An instance dies before it has answered a refresh. The same token gives the
// successor, once more, and the session goes on.
func TestAnInstanceDiesOfARefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	for _, step := range []string{"refresh in redis", "answered"} {
		i := w.login("user", "web")
		w.dies(death{Call: "refresh", Step: step, Times: 1, Client: "web", Refresh: i.Refresh})
		next := w.refreshed(i)
		if again := w.refreshed(i); again.Refresh != next.Refresh || !w.live(again) {
			t.Errorf("%s: another successor", step)
		}
		if !w.live(i) || !w.live(next) || !w.live(w.refreshed(next)) {
			t.Errorf("%s: logged out", step)
		}
	}
}

// An instance dies of a login: nobody has its tokens, and it ends with the others.
func TestAnInstanceDiesOfALogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	for step, want := range map[string]int64{"login committed": 0, "login in redis": 1, "answered": 1} {
		w.dies(death{Call: "login", Step: step, Times: 1, Subject: "user", Client: "web"})
		if n := w.count(`SELECT count(*) FROM sessions WHERE subject = 'user'`); n != 1 {
			t.Errorf("%s: %d rows", step, n)
		}
		must(t, func() (int64, error) { return w.EndSubject(t.Context(), "user", "", nil) }, want)
		if n := w.count(`SELECT count(*) FROM sessions WHERE subject = 'user'`); n != 0 {
			t.Errorf("%s: %d rows are left", step, n)
		}
	}
}

// refreshed trades the refresh token, at a time when the one before the current
// one has its grace, however long the test has taken.
func (w *world) refreshed(i Issued) Issued {
	w.tb.Helper()
	ctx := w.tb.Context()
	rd, key := w.epoch(1).Redis(), bearer.SessionKey(i.Subject, i.SessionID)
	if rd.HExists(ctx, key, "pt").Val() {
		if err := rd.HSet(ctx, key, "pt", time.Now().UnixMilli()).Err(); err != nil {
			w.tb.Fatal(err)
		}
	}
	next, err := w.Refresh(ctx, i.Refresh, i.ClientID, allowed)
	if err != nil {
		w.tb.Errorf("refresh: %v", err)
	}
	return next
}

// exchange begins a session that has an origin.
func (w *world) exchange(subject, origin string) Issued {
	w.tb.Helper()
	begun, err := w.Begin(w.tb.Context(), "web")
	if err != nil {
		w.tb.Fatal(err)
	}
	g := grantTo(subject, "web")
	g.Origin = origin
	i, err := w.Create(w.tb.Context(), begun, g)
	if err != nil {
		w.tb.Fatal(err)
	}
	return i
}

// liveOf counts those of many sessions that live.
func (w *world) liveOf(subject string, ids []string) (live int64) {
	w.tb.Helper()
	pipe := w.epoch(1).Redis().Pipeline()
	asked := make([]*redis.IntCmd, len(ids))
	for i, id := range ids {
		asked[i] = pipe.Exists(w.tb.Context(), bearer.SessionKey(subject, id))
	}
	if _, err := pipe.Exec(w.tb.Context()); err != nil {
		w.tb.Fatal(err)
	}
	for _, n := range asked {
		live += n.Val()
	}
	return live
}

// sweep is that of an instance that finds what was left.
func (w *world) sweep() {
	w.tb.Helper()
	w.grown()
	for more := true; more; {
		var err error
		if more, err = w.Resume(w.tb.Context()); err != nil {
			w.tb.Fatal(err)
		}
	}
}
