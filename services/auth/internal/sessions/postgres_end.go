package sessions

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/crdb"
	"tandem.example/services/auth/internal/audit"
)

// Change is a change of the caller's that takes effect in the same transaction
// as an end of sessions, or not at all. It holds SQL alone and may run again. An
// error of it undoes everything and reaches the caller as it is. Nil is none.
type Change = func(context.Context, pgx.Tx) error

// page bounds one transaction, one pipeline and the memory of an end.
const page = 1000

// end is one end of many sessions: those of a kind's id that began before its
// generation last moved.
type end struct {
	kind   string
	id     string
	except uuid.UUID // this one lives on
	event  audit.Event
	change Change

	cursor cursor
}

type cursor struct {
	created time.Time
	id      uuid.UUID
}

// candidate is a session that an end has found.
type candidate struct {
	ended

	Created time.Time
}

// queries select the next page of an end. The generation is read in the same
// statement, which puts the page after its move for the database too: a login
// that has read the generation before the move and makes its row where this page
// has looked already cannot commit.
func (e *end) query() (string, []any) {
	const (
		ofSubject = `SELECT id, subject, created_at FROM sessions WHERE subject = $1 AND (created_at, id) > ($2, $3)
			AND subject_generation < (SELECT generation FROM cutoffs WHERE kind = 'subject' AND id = $1) ORDER BY created_at, id LIMIT $4`
		ofClient = `SELECT id, subject, created_at FROM sessions WHERE client_id = $1 AND (created_at, id) > ($2, $3)
			AND client_generation < (SELECT generation FROM cutoffs WHERE kind = 'client' AND id = $1) ORDER BY created_at, id LIMIT $4`
		ofAll = `SELECT id, subject, created_at FROM sessions WHERE (created_at, id) > ($2, $3)
			AND all_generation < (SELECT generation FROM cutoffs WHERE kind = 'all' AND id = $1) ORDER BY created_at, id LIMIT $4`
		ofOrigin = `SELECT id, subject, created_at FROM sessions WHERE origin = $1 AND (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4`
	)
	args := []any{e.id, e.cursor.created, e.cursor.id, page}
	switch e.kind {
	case kindSubject:
		return ofSubject, args
	case kindClient:
		return ofClient, args
	case kindOrigin:
		return ofOrigin, args
	default:
		return ofAll, args
	}
}

// begin moves the generation, with the caller's change, and buries the first
// page. It tells whether there may be more.
func (r *Rows) begin(ctx context.Context, e *end) (found []ended, more bool, err error) {
	return r.step(ctx, e, func(tx pgx.Tx) error {
		if e.change != nil {
			if err := e.change(ctx, tx); err != nil {
				return err
			}
		}
		return e.move(ctx, tx)
	})
}

// next buries the next page.
func (r *Rows) next(ctx context.Context, e *end) (found []ended, more bool, err error) {
	return r.step(ctx, e, func(pgx.Tx) error { return nil })
}

func (r *Rows) step(ctx context.Context, e *end, first func(pgx.Tx) error) (found []ended, more bool, err error) {
	var last cursor
	err = crdb.InTx(ctx, r.db, func(tx pgx.Tx) error {
		if err := first(tx); err != nil {
			return err
		}
		query, args := e.query()
		rows, err := tx.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		candidates, err := pgx.CollectRows(rows, pgx.RowToStructByPos[candidate])
		if err != nil {
			return err
		}
		found, more = found[:0], len(candidates) == page
		for _, c := range candidates {
			found, last = append(found, c.ended), cursor{c.Created, c.ID}
		}
		if !more {
			const done = `UPDATE cutoffs SET pending = false WHERE kind = $1 AND id = $2`
			if _, err := tx.Exec(ctx, done, e.kind, e.id); err != nil {
				return err
			}
		}
		if err := bury(ctx, tx, found); err != nil {
			return err
		}
		return e.tell(ctx, tx, found)
	})
	if err != nil {
		return nil, false, fmt.Errorf("end sessions of %s: %w", e.kind, err)
	}
	e.cursor = last
	return found, more, nil
}

// tell writes the log: one line for a page, or one for each of the few sessions
// that were exchanged for one elsewhere.
func (e *end) tell(ctx context.Context, tx pgx.Tx, found []ended) error {
	if e.kind != kindOrigin {
		event := audit.New(ctx, e.event)
		event.Detail = map[string]string{"sessions": strconv.Itoa(len(found))}
		return audit.Write(ctx, tx, event)
	}
	for _, s := range found {
		event := e.event
		event.Subject, event.SessionID = s.Subject, s.ID.String()
		if err := audit.Write(ctx, tx, audit.New(ctx, event)); err != nil {
			return err
		}
	}
	return nil
}

// move makes every login that is under way fail, and every session that is there
// outdated, but the excepted one.
func (e *end) move(ctx context.Context, tx pgx.Tx) error {
	const statement = `INSERT INTO cutoffs (kind, id, generation, pending) VALUES ($1, $2, 1, true)
		ON CONFLICT (kind, id) DO UPDATE SET generation = cutoffs.generation + 1, pending = true, updated_at = now()
		RETURNING generation`
	if e.kind == kindOrigin {
		return nil // its tombstone does that
	}
	var generation int64
	if err := tx.QueryRow(ctx, statement, e.kind, e.id).Scan(&generation); err != nil {
		return err
	}
	if e.except == uuid.Nil {
		return nil
	}
	const spare = `UPDATE sessions SET subject_generation = $3 WHERE id = $1 AND subject = $2`
	_, err := tx.Exec(ctx, spare, e.except, e.id, generation)
	return err
}

// bury marks sessions as ended and makes that outlive them: a tombstone is there
// until no copy of the session can be.
func bury(ctx context.Context, tx pgx.Tx, found []ended) error {
	if len(found) == 0 {
		return nil
	}
	const mark = `UPDATE sessions SET ended_at = now() WHERE id = ANY($1) AND ended_at IS NULL`
	const insert = `INSERT INTO tombstones (kind, id, subject, expires_at)
		SELECT $1::TEXT, id::TEXT, subject, expires_at + $3::INT8 * INTERVAL '1 second' FROM sessions WHERE id = ANY($2)
		ON CONFLICT (kind, id) DO NOTHING`
	ids := idsOf(found)
	if _, err := tx.Exec(ctx, mark, ids); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, insert, string(bearer.KindSession), ids, int64(lag/time.Second))
	return err
}

// buryOne is [bury] for one session of a subject, with a line in the log. A
// session without a row is over already, unless the database has forgotten it:
// then it is buried until the given time.
func (r *Rows) buryOne(ctx context.Context, s ended, until time.Time, event audit.Event) error {
	err := crdb.InTx(ctx, r.db, func(tx pgx.Tx) error {
		const find = `SELECT client_id, tenant FROM sessions WHERE id = $1 AND subject = $2`
		event := audit.New(ctx, event)
		event.Subject, event.SessionID = s.Subject, s.ID.String()
		err := tx.QueryRow(ctx, find, s.ID, s.Subject).Scan(&event.ClientID, &event.Tenant)
		switch {
		case err == nil:
			err = bury(ctx, tx, []ended{s})
		case errors.Is(err, pgx.ErrNoRows):
			var news bool
			stone := bearer.Tombstone{Kind: bearer.KindSession, ID: s.ID.String(), Subject: s.Subject, Expires: until.Add(lag)}
			if news, err = bearer.Bury(ctx, tx, stone); !news {
				return err
			}
		}
		if err != nil {
			return err
		}
		return audit.Write(ctx, tx, event)
	})
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// buryToken buries one access token, with a line in the log.
func (r *Rows) buryToken(ctx context.Context, stone bearer.Tombstone, event audit.Event) error {
	err := crdb.InTx(ctx, r.db, func(tx pgx.Tx) error {
		buried, err := bearer.Bury(ctx, tx, stone)
		if err != nil || !buried {
			return err
		}
		return audit.Write(ctx, tx, audit.New(ctx, event))
	})
	if err != nil {
		return fmt.Errorf("end token: %w", err)
	}
	return nil
}
