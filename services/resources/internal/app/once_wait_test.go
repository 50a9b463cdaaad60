package app_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/devstack"
)

// A request waits for the one before it, for two seconds, whatever holds that up
// and through whichever instance it came.
func TestARequestInFlightIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	by := w.caller(t)
	for n, method := range []string{"PUT", "PATCH", "DELETE"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			path, made := i.create(t, by, `{"type":"held","name":"n"}`)
			op, key := operations(path)[3+n], uuid.NewString()
			session := w.sql(t)
			tx, err := session.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.ReadCommitted}) // conflicts with nobody else
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec(t.Context(), `UPDATE resources SET name = name WHERE tenant = $1 AND id = $2::UUID`, made.Tenant, made.ID); err != nil {
				t.Fatal(err)
			}
			first := w.begin(t, session, func() reply { return i.once(t, by, key, op) })
			for _, at := range []*instance{i, next} {
				got := at.once(t, by, key, op)
				got.is(t, 409, "idempotency_in_flight")
				if after, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || after < 1 {
					t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
				}
			}
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			done := <-first
			if done.status >= 300 {
				t.Errorf("the first: %d %s", done.status, done.body)
			}
			same(t, done, next.once(t, by, key, op))
		})
	}
}

// begin sends a request and returns once that waits for what the session holds.
func (w world) begin(t *testing.T, session *pgx.Conn, send func() reply) <-chan reply {
	t.Helper()
	answer := make(chan reply, 1)
	go func() { answer <- send() }()
	watching := w.sql(t)
	eventually(t, patience, "it waits", func() (bool, string) {
		if w.stack.Database() == "cockroach" { // tells nobody who waits for whom
			return true, ""
		}
		var n int
		err := watching.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE $1::INT4 = ANY(pg_blocking_pids(pid))`,
			session.PgConn().PID()).Scan(&n)
		return err == nil && n == 1, fmt.Sprint(n, err)
	})
	return answer
}

// Creating something waits for nobody but for the key itself, or for the table.
func TestACreationInFlight(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnDatabase: true})
	if w.stack.Database() != "postgres" {
		document.Partial()
		t.Skip("only PostgreSQL locks tables")
	}
	i, next := w.start(t), w.start(t)
	by := w.caller(t)
	key, create := uuid.NewString(), operations("/")[2]
	session := w.sql(t)
	tx, err := session.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `LOCK TABLE resources IN EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	first := w.begin(t, session, func() reply { return i.once(t, by, key, create) })
	next.once(t, by, key, create).is(t, 409, "idempotency_in_flight")
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	made := <-first
	same(t, made, next.once(t, by, key, create))

	// The database dies while it is at it: nobody knows, and asking again is safe.
	key = uuid.NewString()
	if tx, err = session.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `LOCK TABLE resources IN EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	first = w.begin(t, session, func() reply { return i.once(t, by, key, create) })
	w.kill(t, w.stack.Database())
	(<-first).is(t, 503, "outcome_unknown")
	w.revive(t, i, w.stack.Database())
	next.await(t, "", patience)
	made = next.once(t, by, key, create)
	if made.status != 201 {
		t.Errorf("asked again: %d %s", made.status, made.body)
	}
	same(t, made, i.once(t, by, key, create))
	if ids, _ := i.page(t, by, "type=invoice"); len(ids) != 2 {
		t.Errorf("%d were made", len(ids))
	}
}
