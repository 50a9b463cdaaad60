package sessions

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
)

// target is what an end is of: of a subject, a client or all, what stands under
// the generation before; of a session elsewhere, what was exchanged for it; or
// what is older than a time.
type target struct {
	kind   string
	id     string
	except uuid.UUID // of a subject, the session that lives on
	before time.Time // what began later lives on; of all kinds but one it is when the end began

	generation int64 // that this end has made, or goes on with
}

const (
	kindSubject = "subject"
	kindClient  = "client"
	kindAll     = "all"
	kindOrigin  = "origin"
	kindBefore  = "before"
)

// find reads the next page. It reads in the same statement what the first
// transaction of the end has written, and so comes after it for the database too:
// a login that has read the cut-offs before, and makes its row where this page has
// looked already, cannot commit.
func (t *target) find(ctx context.Context, tx pgx.Tx, after uuid.UUID) ([]ended, error) {
	const (
		ofSubject = `SELECT id, subject FROM sessions WHERE subject = $1 AND id > $2
			AND subject_generation < (SELECT generation FROM cutoffs WHERE kind = 'subject' AND id = $1) ORDER BY id LIMIT $3`
		ofClient = `SELECT id, subject FROM sessions WHERE client_id = $1 AND id > $2
			AND client_generation < (SELECT generation FROM cutoffs WHERE kind = 'client' AND id = $1) ORDER BY id LIMIT $3`
		ofAll = `SELECT id, subject FROM sessions WHERE id > $2
			AND all_generation < (SELECT generation FROM cutoffs WHERE kind = 'all' AND id = $1) ORDER BY id LIMIT $3`
		ofOrigin = `SELECT id, subject FROM sessions WHERE origin = $1 AND id > $2
			AND EXISTS (SELECT 1 FROM tombstones WHERE kind = 'clerk_session' AND id = $1) ORDER BY id LIMIT $3`
		ofBefore = `SELECT id, subject FROM sessions WHERE created_at < $1 AND id > $2
			AND EXISTS (SELECT 1 FROM cutoffs WHERE kind = 'all' AND id = '') ORDER BY id LIMIT $3`
	)
	query, of := ofAll, any(t.id)
	switch t.kind {
	case kindSubject:
		query = ofSubject
	case kindClient:
		query = ofClient
	case kindOrigin:
		query = ofOrigin
	case kindBefore:
		query, of = ofBefore, t.before
	}
	rows, err := tx.Query(ctx, query, of, after, page)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[ended])
}

// move makes every login that is under way fail, and every session that is there
// outdated.
func (t *target) move(ctx context.Context, tx pgx.Tx) error {
	switch t.kind {
	case kindOrigin: // its tombstone does that
		return nil
	case kindBefore:
		return t.pass(ctx, tx)
	}
	const statement = `INSERT INTO cutoffs (kind, id, generation, pending) VALUES ($1, $2, 1, true)
		ON CONFLICT (kind, id) DO UPDATE SET generation = cutoffs.generation + 1, pending = true, moved_at = now(), updated_at = now()
		RETURNING generation, moved_at`
	return tx.QueryRow(ctx, statement, t.kind, t.id).Scan(&t.generation, &t.before)
}

// pass returns ErrFuture if the cut-off has not passed by the clock that the
// sessions' beginnings are taken from. It writes what every login reads, so that
// none can bring a session that began before and is not seen.
func (t *target) pass(ctx context.Context, tx pgx.Tx) error {
	const statement = `INSERT INTO cutoffs (kind, id, generation) VALUES ('all', '', 0)
		ON CONFLICT (kind, id) DO UPDATE SET updated_at = now() RETURNING $1::TIMESTAMPTZ <= now()`
	var passed bool
	if err := tx.QueryRow(ctx, statement, t.before).Scan(&passed); err != nil {
		return err
	}
	if !passed {
		return ErrFuture
	}
	return nil
}

// spare lets the excepted session live on under the new generation, but only if
// it is not over: an end before this one may not have come to it yet.
func (r *Rows) spare(ctx context.Context, t *target) error {
	const statement = `UPDATE sessions SET subject_generation = $3 WHERE id = $1 AND subject = $2 AND subject_generation = $3 - 1`
	return crdb.Idempotent(ctx, func(ctx context.Context) error {
		_, err := r.db.Pool().Exec(ctx, statement, t.except, t.id, t.generation)
		return err
	})
}

// touch tells others that somebody is at work on the end, and learns from which
// generation and moment it goes on.
func (r *Rows) touch(ctx context.Context, t *target) error {
	if t.kind == kindOrigin || t.kind == kindBefore {
		return nil // whoever wants it repeats it
	}
	const statement = `UPDATE cutoffs SET updated_at = now() WHERE kind = $1 AND id = $2 RETURNING generation, moved_at`
	return crdb.Idempotent(ctx, func(ctx context.Context) error {
		var generation int64
		var moved time.Time
		err := r.db.Pool().QueryRow(ctx, statement, t.kind, t.id).Scan(&generation, &moved)
		if err == nil && t.generation == 0 {
			t.generation, t.before = generation, moved
		}
		return err
	})
}

// done notes that the last page has been finished, unless another end has begun.
func (r *Rows) done(ctx context.Context, t *target) error {
	const statement = `UPDATE cutoffs SET pending = false WHERE kind = $1 AND id = $2 AND generation = $3`
	return crdb.Idempotent(ctx, func(ctx context.Context) error {
		_, err := r.db.Pool().Exec(ctx, statement, t.kind, t.id, t.generation)
		return err
	})
}
