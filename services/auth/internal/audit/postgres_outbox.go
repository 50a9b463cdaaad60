package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
)

// outbox is the part of the table that is not announced yet. Each of its
// statements may take effect twice without harm.
type outbox struct{ db *crdb.DB }

// claim takes or renews the lease, and tells whether holder has it.
func (o outbox) claim(ctx context.Context, holder string, d time.Duration) (bool, error) {
	const claim = `UPDATE audit_leases SET holder = $1, lease_until = now() + $2::INT8 * INTERVAL '1 millisecond'
		WHERE name = 'announce' AND (lease_until < now() OR holder = $1)`
	n, err := o.exec(ctx, claim, holder, d.Milliseconds())
	return n == 1, err
}

func (o outbox) release(ctx context.Context, holder string) error {
	const release = `UPDATE audit_leases SET holder = '', lease_until = now() - INTERVAL '1 second' WHERE holder = $1`
	_, err := o.exec(ctx, release, holder)
	return err
}

func (o outbox) exec(ctx context.Context, statement string, args ...any) (affected int64, err error) {
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		tag, err := o.db.Pool().Exec(ctx, statement, args...)
		affected = tag.RowsAffected()
		return err
	})
	return affected, err
}

// oldest lists events that wait, leaving out those that are blocked.
func (o outbox) oldest(ctx context.Context, blocked []uuid.UUID, limit int) ([]Event, error) {
	const oldest = `SELECT ` + Columns + ` FROM audit WHERE published = false AND NOT (id = ANY($1)) ORDER BY id LIMIT $2`
	return collect(ctx, o.db, oldest, blocked, limit)
}

// named reads those of the events that still wait.
func (o outbox) named(ctx context.Context, ids []uuid.UUID) ([]Event, error) {
	const named = `SELECT ` + Columns + ` FROM audit WHERE id = ANY($1) AND published = false ORDER BY id`
	return collect(ctx, o.db, named, ids)
}

// mark notes that events are announced and returns how long each took, by the
// database's clock since the instance's. Those that somebody else has marked are
// not among them.
func (o outbox) mark(ctx context.Context, ids []uuid.UUID) (lags []time.Duration, err error) {
	const mark = `UPDATE audit SET published = true WHERE id = ANY($1) AND published = false RETURNING at, now()`
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		rows, err := o.db.Pool().Query(ctx, mark, ids)
		if err != nil {
			return err
		}
		lags, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (time.Duration, error) {
			var at, now time.Time
			err := r.Scan(&at, &now)
			return max(now.Sub(at), 0), err
		})
		return err
	})
	return lags, err
}

// backlog counts what waits, up to a bound, and tells how old the oldest is.
func (o outbox) backlog(ctx context.Context) (pending int, age time.Duration, err error) {
	const waiting = `SELECT count(*), min(at), now() FROM
		(SELECT at FROM audit WHERE published = false ORDER BY id LIMIT 10000) AS waiting`
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		var first *time.Time
		var now time.Time
		age = 0
		err := o.db.Pool().QueryRow(ctx, waiting).Scan(&pending, &first, &now)
		if first != nil {
			age = max(now.Sub(*first), 0)
		}
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("read backlog: %w", err)
	}
	return pending, age, nil
}

// collect reads events.
func collect(ctx context.Context, db *crdb.DB, query string, args ...any) (events []Event, err error) {
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		rows, err := db.Pool().Query(ctx, query, args...)
		if err != nil {
			return err
		}
		events, err = pgx.CollectRows(rows, scan)
		return err
	})
	return events, err
}

func scan(row pgx.CollectableRow) (e Event, err error) {
	err = row.Scan(&e.ID, &e.At, &e.Type, &e.Outcome, &e.Reason, &e.Actor, &e.Subject, &e.ClientID, &e.SessionID, &e.Tenant,
		&e.Address, &e.RequestID, &e.Detail)
	e.At = e.At.UTC()
	return e, err
}
