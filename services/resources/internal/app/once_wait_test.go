package app_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/devstack"
	"tandem.example/services/resources/internal/idempotency"
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
			first := w.begin(t, session, i, by, key, op)
			next.waits(t, by, key, op)
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			done := <-first
			if done.status >= 300 {
				t.Fatalf("the first: %d %s", done.status, done.body)
			}
			same(t, done, next.once(t, by, key, op))
		})
	}
}

// waits sends a request that another one is before. On a busy machine it may take
// too long to find out that it did nothing; then it asks again.
func (i *instance) waits(t *testing.T, by caller, key string, op operation) {
	t.Helper()
	var got reply
	eventually(t, patience, "it is settled", func() (bool, string) {
		got = i.once(t, by, key, op)
		return got.status != http.StatusServiceUnavailable, got.body
	})
	got.is(t, 409, "idempotency_in_flight")
	if after, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || after < 1 {
		t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
	}
}

// begin sends a request and returns once that waits for what the session holds.
func (w world) begin(t *testing.T, session *pgx.Conn, at *instance, by caller, key string, op operation) <-chan reply {
	t.Helper()
	answer := make(chan reply, 1)
	go func() { answer <- at.once(t, by, key, op) }()
	flag := "cache:*:{requests/" + idempotency.New(by.claims.Tenant, by.claims.Subject, key).String() + "}"
	eventually(t, patience, "it is known to be the first", func() (bool, string) { return len(w.inRedis(t, flag)) == 1, "" })
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
	i.calm, next.calm = true, true // while the database is away nobody asks
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
	first := w.begin(t, session, i, by, key, create)
	next.waits(t, by, key, create)
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
	first = w.begin(t, session, i, by, key, create)
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
