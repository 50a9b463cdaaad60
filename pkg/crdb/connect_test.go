package crdb_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/env"
)

// A server that refuses the connection is an outage, whatever reason it gives,
// and no statement was sent.
func TestARefusedConnectionIsAnOutage(t *testing.T) {
	t.Parallel()
	_, owner := open(t)
	u, err := url.Parse(owner.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("nobody_of_that_name", "wrong")
	_, err = openURL(t, env.Secret(u.String())).Pool().Exec(t.Context(), `SELECT 1`)
	if got := crdb.Fault(err); !errors.Is(got, crdb.ErrUnavailable) {
		t.Errorf("became %v", got)
	}
	if crdb.Ambiguous(err) {
		t.Errorf("a statement that never left is called ambiguous: %v", err)
	}
}

// Under load a write may not get a connection in time. Were that taken for a
// write that may have happened, it would leave a question to settle behind.
func TestAWaitForAConnectionSendsNothing(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	for range 8 {
		conn, err := db.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Release()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := db.Acquire(ctx)
	if got := crdb.Fault(err); !errors.Is(got, crdb.ErrUnavailable) {
		t.Errorf("became %v", got)
	}
	if crdb.Ambiguous(err) {
		t.Errorf("a wait is called ambiguous: %v", err)
	}
}

// What may take effect twice need not know whether it took effect once.
func TestIdempotentRidesOutAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	runs := 0
	err := crdb.Idempotent(t.Context(), func(context.Context) error {
		if runs++; runs == 1 {
			return state("40003")
		}
		return nil
	})
	if err != nil || runs != 2 {
		t.Errorf("%d runs: %v", runs, err)
	}
}
