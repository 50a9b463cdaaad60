package app_test

import (
	"maps"
	"testing"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/clerk"
)

func TestADefectUnderAnEventShowsNothing(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	s.owner(`ALTER TABLE clerk_deliveries RENAME TO clerk_deliveries_elsewhere`)
	if got := s.deliver(s.notice("session.ended", "sess_1", "user_1")); got.status != 500 || got.text("code") != "internal" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestAnEventForARegionThatIsNotServed(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	set := maps.Clone(s.env)
	set["REGION"] = "elsewhere"
	other := run(t, s.stack, set)
	other.await("it does not say so", func() bool {
		got := other.deliver(other.notice("session.ended", "sess_1", "user_1"))
		if got.status != 503 {
			t.Errorf("%d %s", got.status, got.body)
		}
		return got.text("code") == "epoch_not_ready"
	})
}

// What the database says only under load, or only CockroachDB says, a function
// says here.
func TestAnEventThatTheDatabaseCannotDecide(t *testing.T) {
	t.Parallel()
	patient := start(t, devstack.Options{Clerk: true, OwnDatabase: true})
	if patient.stack.Database() != "postgres" {
		document.Partial()
		t.Skip("CockroachDB cannot be made to refuse at will")
	}
	v := patient.visitor(clerk.Wish{})
	set := maps.Clone(patient.env)
	set["HTTP_REQUEST_TIMEOUT"] = "1500ms" // it tries again for as long as it may
	s := run(t, patient.stack, set)
	s.awaitReady()
	n := s.notice("session.ended", v.SessionID, v.UserID)
	say := func(state string) {
		t.Helper()
		s.owner(`CREATE OR REPLACE FUNCTION refuse() RETURNS bool LANGUAGE plpgsql AS
			$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '` + state + `'; END $$`)
	}
	for state, code := range map[string]string{"40001": "database_contention", "40003": "outcome_unknown"} {
		say(state)
		s.owner(`DROP POLICY IF EXISTS refuse ON tombstones`, `CREATE POLICY refuse ON tombstones USING (refuse())`,
			`ALTER TABLE tombstones ENABLE ROW LEVEL SECURITY`)
		// A try that is cut short by the deadline says only that there is no answer.
		s.await("it does not say "+code, func() bool {
			got := s.deliver(n)
			if got.status != 503 {
				t.Errorf("%s: %d %s", state, got.status, got.body)
			}
			return got.text("code") == code
		})
	}
	s.owner(`ALTER TABLE tombstones DISABLE ROW LEVEL SECURITY`)
	if got := s.deliver(n); got.status != 200 || got.body != `{"revoked":1}` {
		t.Errorf("repeated: %d %s", got.status, got.body)
	}
	patient.over("repeated", v)
}
