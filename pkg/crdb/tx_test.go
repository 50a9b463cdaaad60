package crdb_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/fault"
)

// Two people are on call and each may leave if the other stays. Under snapshot
// isolation both leave (write skew).
func TestInTxPreventsWriteSkew(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	exec(t, db, `CREATE TABLE on_call (id INT8 PRIMARY KEY, here BOOL NOT NULL)`)
	const pairs = 8
	for i := range 2 * pairs {
		exec(t, db, `INSERT INTO on_call VALUES ($1, true)`, i)
	}
	var attempts atomic.Int64
	var group sync.WaitGroup
	for i := range 2 * pairs {
		group.Go(func() {
			other := i ^ 1
			err := crdb.InTx(t.Context(), db, func(tx pgx.Tx) error {
				attempts.Add(1)
				var stays bool
				if err := tx.QueryRow(t.Context(), `SELECT here FROM on_call WHERE id = $1`, other).Scan(&stays); err != nil {
					return err
				}
				if !stays {
					return nil
				}
				_, err := tx.Exec(t.Context(), `UPDATE on_call SET here = false WHERE id = $1`, i)
				return err
			})
			if err != nil {
				t.Errorf("transaction %d: %v", i, err)
			}
		})
	}
	group.Wait()
	var left int
	if err := db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM on_call WHERE here`).Scan(&left); err != nil {
		t.Fatal(err)
	}
	if left != pairs {
		t.Fatalf("%d of %d pairs kept somebody on call (%d attempts)", left, pairs, attempts.Load())
	}
}

func TestInTxRepeatsTheWholeTransactionOnContention(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	exec(t, db, `CREATE TABLE counter (id INT8 PRIMARY KEY, n INT8 NOT NULL)`)
	exec(t, db, `INSERT INTO counter VALUES (1, 0)`)
	const writers = 16
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			err := crdb.InTx(t.Context(), db, func(tx pgx.Tx) error {
				var n int
				if err := tx.QueryRow(t.Context(), `SELECT n FROM counter WHERE id = 1`).Scan(&n); err != nil {
					return err
				}
				_, err := tx.Exec(t.Context(), `UPDATE counter SET n = $1 WHERE id = 1`, n+1)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	var n int
	if err := db.Pool().QueryRow(t.Context(), `SELECT n FROM counter WHERE id = 1`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	if n != writers {
		t.Fatalf("%d increments counted %d", writers, n)
	}
}

func TestInTxRollsBackAndKeepsTheError(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	exec(t, db, `CREATE TABLE things (id INT8 PRIMARY KEY)`)
	mine := fault.New(fault.Conflict, "mine", "no")
	err := crdb.InTx(t.Context(), db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `INSERT INTO things VALUES (1)`); err != nil {
			return err
		}
		return mine
	})
	if !errors.Is(err, mine) {
		t.Fatalf("got %v", err)
	}
	var n int
	if err := db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM things`).Scan(&n); err != nil || n != 0 {
		t.Fatalf("%d rows are left (%v)", n, err)
	}
}

// The session is killed after the last statement, so it is COMMIT that breaks:
// nobody can tell what became of it, and it must not run twice.
func TestInTxReportsAnAmbiguousCommit(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	attempts := 0
	err := crdb.InTx(t.Context(), db, func(tx pgx.Tx) error {
		attempts++
		return killSession(t.Context(), db, tx)
	})
	if !errors.Is(err, crdb.ErrAmbiguous) {
		t.Fatalf("got %v", err)
	}
	if attempts != 1 {
		t.Fatalf("the transaction ran %d times", attempts)
	}
}

// Killed before COMMIT is sent, the same loss is harmless and is repeated.
func TestInTxRepeatsAfterALostConnection(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	exec(t, db, `CREATE TABLE things (id INT8 PRIMARY KEY)`)
	attempts := 0
	err := crdb.InTx(t.Context(), db, func(tx pgx.Tx) error {
		if attempts++; attempts == 1 {
			if err := killSession(t.Context(), db, tx); err != nil {
				return err
			}
		}
		_, err := tx.Exec(t.Context(), `INSERT INTO things VALUES (1)`)
		return err
	})
	if err != nil || attempts != 2 {
		t.Fatalf("after %d attempts: %v", attempts, err)
	}
}

// killSession ends the session of tx from another one.
func killSession(ctx context.Context, db *crdb.DB, tx pgx.Tx) error {
	var ended bool
	return db.Pool().QueryRow(ctx, `SELECT pg_terminate_backend($1)`, tx.Conn().PgConn().PID()).Scan(&ended)
}

func TestIsolationDoesNotDependOnTheServersDefault(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	var name string
	if err := db.Pool().QueryRow(t.Context(), `SELECT current_database()`).Scan(&name); err != nil {
		t.Fatal(err)
	}
	exec(t, db, `ALTER DATABASE `+pgx.Identifier{name}.Sanitize()+` SET default_transaction_isolation = 'read committed'`)
	var level string
	if err := openURL(t, url).Pool().QueryRow(t.Context(), `SHOW transaction_isolation`).Scan(&level); err != nil {
		t.Fatal(err)
	}
	if level != "serializable" {
		t.Fatalf("a new connection runs %s", level)
	}
}
