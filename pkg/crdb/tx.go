package crdb

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// retryBudget bounds the attempts of work that may be repeated. A cluster that
// loses a node stalls its clients for up to 12 s; after this the caller is told.
const retryBudget = 15 * time.Second

// InTx runs body in a SERIALIZABLE transaction and commits. When the database
// refuses it for contention, or the connection breaks before COMMIT is sent,
// the whole of it runs again, until ctx or the budget ends. So body holds SQL
// and nothing else.
//
// It returns [ErrAmbiguous] when the connection broke during COMMIT: the
// transaction may have taken effect and is not repeated.
func InTx(ctx context.Context, db *DB, body func(pgx.Tx) error) error {
	return retry(ctx, repeatable, func(ctx context.Context) error { return runTx(ctx, db, body) })
}

func runTx(ctx context.Context, db *DB, body func(pgx.Tx) error) error {
	tx, err := db.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable})
	if err != nil {
		return err
	}
	defer rollback(ctx, tx) // a no-op after COMMIT
	if err := body(tx); err != nil {
		return err
	}
	err = tx.Commit(ctx)
	if Ambiguous(err) {
		return ErrAmbiguous.Because(err)
	}
	return err
}

// rollback is bounded: a server that went silent must not hold the caller, and a
// connection on which it fails is closed.
func rollback(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackFor)
	defer cancel()
	_ = tx.Rollback(ctx)
}

const rollbackFor = 2 * time.Second

// Idempotent runs one statement that may safely take effect twice: a read, or
// a write with a fixed outcome. It rides out contention, lost connections and
// outcomes that the server does not know.
func Idempotent(ctx context.Context, run func(context.Context) error) error {
	again := func(err error) bool { return repeatable(err) || hasState(err, stateCompletionUnknown) }
	return retry(ctx, again, run)
}

// retry repeats run while its error says that a repetition can help and cannot
// harm.
func retry(ctx context.Context, again func(error) bool, run func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, retryBudget)
	defer cancel()
	for attempt := 0; ; attempt++ {
		err := run(ctx)
		if err == nil || !again(err) || !Pause(ctx, attempt) {
			return Fault(err)
		}
	}
}

// repeatable errors leave nothing behind and may pass. A server that cannot be
// reached at any of its addresses is not among them: the caller should hear of
// it at once.
func repeatable(err error) bool {
	if unconnected(err) || errors.Is(err, ErrAmbiguous) || errors.Is(err, pgx.ErrNoRows) {
		return false
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || TimedOut(err) {
		return false
	}
	f := Fault(err)
	return errors.Is(f, ErrContention) || errors.Is(f, ErrUnavailable)
}

// Pause waits before attempt+1: up to 5 ms, 10 ms … 320 ms, with full jitter. It
// reports false when ctx ended first.
func Pause(ctx context.Context, attempt int) bool {
	ceiling := 5 * time.Millisecond << min(attempt, 6)
	timer := time.NewTimer(1 + rand.N(ceiling)) //nolint:gosec // jitter, not a secret
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
