package app_test

import (
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
)

// answers wants this of every OAuth endpoint.
func (s *service) answers(access string, status int, code string) {
	s.t.Helper()
	for _, path := range []string{"/token", "/revoke", "/introspect"} {
		if got := s.demo(path, "grant_type", "client_credentials", "token", access); got.status != status || got.text("error") != code {
			s.t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

func (s *service) owner(statements ...string) {
	s.t.Helper()
	for _, statement := range statements {
		if _, err := s.ownerExec(statement); err != nil {
			s.t.Fatalf("%s: %v", statement, err)
		}
	}
}

func (s *service) bury(stone bearer.Tombstone) {
	s.t.Helper()
	if err := bearer.NewTombstones(s.db).Bury(s.t.Context(), stone); err != nil {
		s.t.Fatal(err)
	}
}

func TestADefectShowsNothing(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true})
	k := s.cut()
	s.owner(
		`ALTER TABLE audit RENAME TO audit_elsewhere`,
		`ALTER TABLE clients RENAME TO clients_elsewhere`,
		`ALTER TABLE users RENAME TO users_elsewhere`,
		`ALTER TABLE tombstones RENAME TO tombstones_elsewhere`,
		`ALTER TABLE sessions RENAME TO sessions_elsewhere`,
	)
	s.await("the client is still in memory", func() bool { return s.demo("/introspect", "token", k.user).status == 500 })
	s.answers(k.user, 500, "server_error")
	for _, d := range guarded {
		if got := s.open(d, k.to(d)); got.status != 500 || got.text("code") != "internal" {
			t.Errorf("%+v: %d %s", d, got.status, got.body)
		}
	}
}

// What the database says only under load, or only CockroachDB says, a function
// says here.
func TestTheDatabaseCannotDecide(t *testing.T) {
	t.Parallel()
	patient := start(t, devstack.Options{OwnDatabase: true, Clerk: true})
	if patient.stack.Database() != "postgres" {
		document.Partial()
		t.Skip("CockroachDB cannot be made to refuse at will")
	}
	k := patient.cut()
	set := maps.Clone(patient.env)
	set["HTTP_REQUEST_TIMEOUT"] = "1500ms" // it tries again for as long as it may
	s := run(t, patient.stack, set)
	s.awaitReady()
	say := func(state string) {
		t.Helper()
		s.owner(`CREATE OR REPLACE FUNCTION refuse() RETURNS bool LANGUAGE plpgsql AS
			$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '` + state + `'; END $$`)
	}
	s.bury(bearer.Tombstone{ // a table without rows has nothing to refuse
		Kind: bearer.KindClerkSession, ID: k.visit.SessionID, Subject: k.visit.UserID, Expires: time.Now().Add(time.Hour),
	})
	say("40001")
	for _, table := range []string{"audit", "users", "clients", "tombstones", "sessions"} {
		s.owner(`CREATE POLICY refuse ON `+table+` USING (refuse())`, `ALTER TABLE `+table+` ENABLE ROW LEVEL SECURITY`)
	}
	// A try that is cut short by the deadline says only that there is no answer.
	insist := func(code string, doors ...door) {
		t.Helper()
		s.await("not everybody says "+code, func() bool {
			answers := s.volley(k, doors)()
			var left []door
			for n, got := range answers {
				if got.status != 503 {
					t.Errorf("%+v: %d %s", doors[n], got.status, got.body)
				} else if got.text("code") != code {
					left = append(left, doors[n])
				}
			}
			doors = left
			return len(doors) == 0
		})
	}
	s.answers(k.user, 503, "temporarily_unavailable")
	insist("database_contention", guarded...)
	say("40003")
	insist("outcome_unknown", writing()...)
	say("57P01") // the server is shutting down
	insist("database_unavailable", guarded...)
}

// A second region is refused, so it never has an epoch.
func TestARegionThatIsNotServed(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	k := s.cut()
	set := maps.Clone(s.env)
	set["REGION"] = "elsewhere"
	other := run(t, s.stack, set)
	for _, d := range guarded { // an epoch that could not be read for a moment has another reason
		other.await("it does not say so", func() bool {
			got := other.open(d, k.to(d))
			if got.status != 503 {
				t.Errorf("%+v: %d %s", d, got.status, got.body)
			}
			return got.text("code") == "epoch_not_ready"
		})
	}
}

// TestALeaseThatEndsUnderwayDecidesNothing sends requests whose reply from Redis
// arrives when the epoch is not held any more.
func TestALeaseThatEndsUnderwayDecidesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{OwnDatabase: true, OwnRedis: true})
	k := s.cut()
	signal := func(send func(string) error, name string) {
		t.Helper()
		if err := send(name); err != nil {
			t.Fatal(err)
		}
	}
	missing := guarded
	for try := 0; len(missing) > 0; try++ {
		if try == 40 { // on a machine that is busy many are too early or too late
			t.Fatalf("not seen: %v", missing)
		}
		s.volley(k, slices.Repeat(guarded[:1], 8))() // opens connections
		signal(s.stack.Pause, s.stack.Database())    // the last renewal gave the lease at most 2 s
		after(1200 * time.Millisecond)
		signal(s.stack.Pause, "redis")
		answers := s.volley(k, missing)
		after(850 * time.Millisecond) // less than the client waits for a reply
		signal(s.stack.Resume, "redis")
		var left []door
		for n, got := range answers() {
			if got.status != 503 {
				t.Errorf("%+v: %d %s", missing[n], got.status, got.body)
			} else if got.text("code") != "epoch_lapsed" {
				left = append(left, missing[n]) // too early or too late
			}
		}
		missing = left
		signal(s.stack.Resume, s.stack.Database())
		s.awaitReady()
	}
	if !s.active(k.user) {
		t.Error("a logout that was not acknowledged took effect")
	}
}

// volley sends requests side by side; the answers are waited for by calling what
// it returns.
func (s *service) volley(k *keys, to []door) func() []reply {
	s.t.Helper()
	answers := make([]reply, len(to))
	var sent sync.WaitGroup
	for n := range to {
		token := k.to(to[n])
		sent.Go(func() { answers[n] = s.open(to[n], token) })
	}
	return func() []reply {
		sent.Wait()
		return answers
	}
}

// after waits where the passing of time is what the test is about.
func after(d time.Duration) { <-time.After(d) }
