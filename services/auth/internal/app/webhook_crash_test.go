package app_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/clerk"
)

// An instance dies after it has committed an event and before Redis has heard of
// it. Clerk, which got no answer, sends the event again.
func TestAnInstanceDiesBetweenCommitAndRedis(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true, OwnRedis: true})
	for _, event := range []string{"session.ended", "user.deleted"} {
		v := s.visitor(clerk.Wish{})
		n := s.notice(event, v.SessionID, v.UserID)
		victim := s.spawn()
		if err := s.stack.Pause("redis"); err != nil {
			t.Fatal(err)
		}
		answered := make(chan reply, 1)
		go func() { answered <- victim.unanswered(n) }()
		s.await("the event is not committed", func() bool {
			return s.count(`SELECT count(*) FROM clerk_deliveries WHERE id = $1 AND NOT finished`, n.id) == 1
		})
		if err := victim.process.Kill(); err != nil {
			t.Fatal(err)
		}
		if got := <-answered; got.status/100 == 2 {
			t.Fatalf("%s was acknowledged: %d", event, got.status)
		}
		if err := s.stack.Resume("redis"); err != nil {
			t.Fatal(err)
		}
		s.awaitReady()
		if got := s.deliver(n); got.status != 200 || got.body != `{"revoked":1}` {
			t.Errorf("%s, repeated: %d %s", event, got.status, got.body)
		}
		s.over(event, v)
		if got := s.deliver(n); got.body != `{"revoked":0}` {
			t.Errorf("%s, a third time: %d %s", event, got.status, got.body)
		}
		if n := s.count(`SELECT count(*) FROM audit WHERE type = 'clerk.notice' AND subject = $1`, v.UserID); n != 1 {
			t.Errorf("%s: %d lines in the log", event, n)
		}
	}
}

// unanswered delivers to an instance that may die of it.
func (s *service) unanswered(n notice) reply {
	client := s.client
	defer func() { s.client = client }()
	s.client = &http.Client{Transport: deaf{client.Transport}}
	return s.deliver(n)
}

// deaf answers for a server that does not.
type deaf struct{ http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (d deaf) RoundTrip(r *http.Request) (*http.Response, error) {
	got, err := d.RoundTripper.RoundTrip(r)
	if err != nil {
		return &http.Response{StatusCode: http.StatusBadGateway, Body: http.NoBody, Request: r}, nil //nolint:nilerr // that is the point
	}
	return got, nil
}

// Redis answers when the epoch is not held any more. The keeper of the epoch is
// kept from its row, so that the lease ends while the database serves.
func TestALeaseThatEndsUnderAnEvent(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true, OwnDatabase: true, OwnRedis: true})
	if s.stack.Database() != "postgres" {
		document.Partial()
		t.Skip("only PostgreSQL locks tables")
	}
	v := s.visitor(clerk.Wish{})
	n := s.notice("session.ended", v.SessionID, v.UserID)
	for try := 0; ; try++ {
		if try == 40 { // on a machine that is busy the lease is often over before Redis is asked
			t.Fatal("not seen")
		}
		unlock := s.lock("redis_epoch")
		after(1200 * time.Millisecond) // of at most 2 s
		if err := s.stack.Pause("redis"); err != nil {
			t.Fatal(err)
		}
		answer := make(chan reply, 1)
		go func() { answer <- s.deliver(n) }()
		after(850 * time.Millisecond) // less than the client waits for a reply
		if err := s.stack.Resume("redis"); err != nil {
			t.Fatal(err)
		}
		got := <-answer
		unlock()
		s.awaitReady()
		if got.status != 503 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		if got.text("code") == "epoch_lapsed" {
			break
		}
	}
	if got := s.deliver(n); got.status != 200 {
		t.Errorf("repeated: %d %s", got.status, got.body)
	}
	s.over("repeated", v)
}

// lock keeps everybody from a table until it is released.
func (s *service) lock(table string) (unlock func()) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.stack.DatabaseURL)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := conn.Exec(s.t.Context(), `BEGIN; LOCK TABLE `+table+` IN ACCESS EXCLUSIVE MODE`); err != nil {
		s.t.Fatal(err)
	}
	return func() {
		if err := conn.Close(s.t.Context()); err != nil {
			s.t.Error(err)
		}
	}
}
