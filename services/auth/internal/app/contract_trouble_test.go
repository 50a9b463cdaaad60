package app_test

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"tandem.example/pkg/devstack"
)

// guarded is what a token opens.
var guarded = [...][2]string{{http.MethodGet, "/v1/me"}, {http.MethodPost, "/logout"}}

// administered is what only a token with the scope admin opens.
var administered = [...][2]string{{http.MethodGet, "/v1/audit"}}

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

func TestADefectShowsNothing(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	access, _ := s.login()
	admin := s.administrator()
	s.owner(
		`ALTER TABLE audit RENAME TO audit_elsewhere`,
		`ALTER TABLE clients RENAME TO clients_elsewhere`,
		`ALTER TABLE users RENAME TO users_elsewhere`,
		`ALTER TABLE tombstones RENAME TO tombstones_elsewhere`,
	)
	s.await("the client is still in memory", func() bool { return s.demo("/introspect", "token", access).status == 500 })
	s.answers(access, 500, "server_error")
	for _, to := range guarded {
		if got := s.bearer(to[0], to[1], access); got.status != 500 || got.text("code") != "internal" {
			t.Errorf("%s: %d %s", to[1], got.status, got.body)
		}
	}
	for _, to := range administered {
		if got := s.bearer(to[0], to[1], admin); got.status != 500 || got.text("code") != "internal" {
			t.Errorf("%s: %d %s", to[1], got.status, got.body)
		}
	}
}

// What the database says only under load, or only CockroachDB says, a function
// says here.
func TestTheDatabaseCannotDecide(t *testing.T) {
	t.Parallel()
	patient := start(t, devstack.Options{OwnDatabase: true})
	if patient.stack.Database() != "postgres" {
		document.Partial()
		t.Skip("CockroachDB cannot be made to refuse at will")
	}
	access, _ := patient.login()
	admin := patient.administrator()
	set := maps.Clone(patient.env)
	set["HTTP_REQUEST_TIMEOUT"] = "1500ms" // it tries again for as long as it may
	s := run(t, patient.stack, set)
	s.awaitReady()
	say := func(state string) {
		t.Helper()
		s.owner(`CREATE OR REPLACE FUNCTION refuse() RETURNS bool LANGUAGE plpgsql AS
			$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '` + state + `'; END $$`)
	}
	say("40001")
	for _, table := range []string{"audit", "users", "clients", "tombstones"} {
		s.owner(`CREATE POLICY refuse ON `+table+` USING (refuse())`, `ALTER TABLE `+table+` ENABLE ROW LEVEL SECURITY`)
	}
	// A try that is cut short by the deadline says only that there is no answer.
	insist := func(to [2]string, token, code string) {
		t.Helper()
		s.await(to[1]+" does not say "+code, func() bool {
			got := s.bearer(to[0], to[1], token)
			if got.status != 503 {
				t.Errorf("%s: %d %s", to[1], got.status, got.body)
			}
			return got.text("code") == code
		})
	}
	s.answers(access, 503, "temporarily_unavailable")
	for _, to := range guarded {
		insist(to, access, "database_contention")
	}
	for _, to := range administered {
		insist(to, admin, "database_contention")
	}
	say("40003")
	insist(guarded[1], access, "outcome_unknown")
	say("57P01") // the server is shutting down
	for _, to := range administered {
		insist(to, admin, "database_unavailable")
	}
}

// A second region is refused, so it never has an epoch.
func TestARegionThatIsNotServed(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	access, _ := s.login()
	set := maps.Clone(s.env)
	set["REGION"] = "elsewhere"
	other := run(t, s.stack, set)
	for _, to := range append(administered[:], guarded[0]) {
		other.await("it does not say so", func() bool {
			return other.bearer(to[0], to[1], access).text("code") == "epoch_not_ready"
		})
	}
	if got := other.bearer(http.MethodPost, "/logout", access); got.status != 503 || got.text("code") != "epoch_not_ready" {
		t.Errorf("logout: %d %s", got.status, got.body)
	}
}

// TestALeaseThatEndsUnderwayDecidesNothing sends requests whose reply from Redis
// arrives when the epoch is not held any more.
func TestALeaseThatEndsUnderwayDecidesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{OwnDatabase: true, OwnRedis: true})
	access, _ := s.login()
	signal := func(send func(string) error, name string) {
		t.Helper()
		if err := send(name); err != nil {
			t.Fatal(err)
		}
	}
	missing := append(guarded[:], administered[:]...)
	for try := 0; len(missing) > 0; try++ {
		if try == 8 {
			t.Fatalf("not seen: %v", missing)
		}
		s.volley(access, slices.Repeat(guarded[:1], 8))() // opens connections
		signal(s.stack.Pause, s.stack.Database())         // the last renewal gave the lease at most 2 s
		after(1200 * time.Millisecond)
		signal(s.stack.Pause, "redis")
		answers := s.volley(access, missing)
		after(850 * time.Millisecond) // less than the client waits for a reply
		signal(s.stack.Resume, "redis")
		var left [][2]string
		for n, got := range answers() {
			if got.status != 503 {
				t.Errorf("%s: %d %s", missing[n][1], got.status, got.body)
			} else if got.text("code") != "epoch_lapsed" {
				left = append(left, missing[n]) // too early or too late
			}
		}
		missing = left
		signal(s.stack.Resume, s.stack.Database())
		s.awaitReady()
	}
	if !s.active(access) {
		t.Error("a logout that was not acknowledged took effect")
	}
}

// volley sends requests side by side; the answers are waited for by calling what
// it returns.
func (s *service) volley(access string, to [][2]string) func() []reply {
	s.t.Helper()
	answers := make([]reply, len(to))
	var sent sync.WaitGroup
	for n := range to {
		sent.Go(func() { answers[n] = s.bearer(to[n][0], to[n][1], access) })
	}
	return func() []reply {
		sent.Wait()
		return answers
	}
}

// after waits where the passing of time is what the test is about.
func after(d time.Duration) { <-time.After(d) }
