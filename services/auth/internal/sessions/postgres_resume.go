package sessions

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
)

// pending are ends that somebody began and has not touched for a while. An end
// that two finish does no harm.
func (r *Rows) pending(ctx context.Context) (open []target, err error) {
	const query = `SELECT kind, id FROM cutoffs
		WHERE pending = true AND updated_at < now() - INTERVAL '1 minute' ORDER BY updated_at LIMIT 100`
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		rows, err := r.db.Pool().Query(ctx, query)
		if err != nil {
			return err
		}
		open, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (t target, err error) {
			err = row.Scan(&t.kind, &t.id)
			return t, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read pending ends: %w", err)
	}
	return open, nil
}

// outdated tells whether a subject has sessions that an end has left behind.
func (r *Rows) outdated(ctx context.Context, subject string) (found bool, err error) {
	const query = `SELECT EXISTS (SELECT 1 FROM sessions WHERE subject = $1
		AND subject_generation < (SELECT generation FROM cutoffs WHERE kind = 'subject' AND id = $1))`
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		return r.db.Pool().QueryRow(ctx, query, subject).Scan(&found)
	})
	if err != nil {
		return false, fmt.Errorf("look for sessions that are over: %w", err)
	}
	return found, nil
}

// over is a page of sessions whose row has no more use: those that have ended,
// where whoever ended them did not get so far, and those that have expired by
// every clock.
func (r *Rows) over(ctx context.Context) (found []ended, err error) {
	const (
		abandoned = `SELECT id, subject FROM sessions WHERE ended_at < now() - INTERVAL '1 minute' ORDER BY ended_at LIMIT $1`
		expired   = `SELECT id, subject FROM sessions WHERE expires_at < now() - INTERVAL '5 minutes' ORDER BY expires_at LIMIT $1`
	)
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		found = found[:0]
		for _, query := range [...]string{abandoned, expired} {
			rows, err := r.db.Pool().Query(ctx, query, page-len(found))
			if err != nil {
				return err
			}
			some, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ended])
			if err != nil {
				return err
			}
			found = append(found, some...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read sessions that are over: %w", err)
	}
	return found, nil
}
