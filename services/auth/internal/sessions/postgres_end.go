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

// end is one end of many sessions, page by page.
type end struct {
	target

	event  audit.Event // one is written for each page
	change Change
	last   uuid.UUID // of the page before
}

// ended is a session that is over in the database and may not be in Redis.
type ended struct {
	ID      uuid.UUID
	Subject string
}

// begin is the first transaction: the caller's change, and what makes every login
// fail that is under way. It reads no session, and what follows writes nothing
// that a login reads. An end that did both in one transaction would have to win
// against every login at once, and lose for as long as they come in numbers.
func (r *Rows) begin(ctx context.Context, e *end) error {
	err := crdb.InTx(ctx, r.db, func(tx pgx.Tx) error {
		if e.change != nil {
			if err := e.change(ctx, tx); err != nil {
				return err
			}
		}
		return e.move(ctx, tx)
	})
	if err == nil && e.except != uuid.Nil {
		err = r.spare(ctx, &e.target)
	}
	if err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

// next buries the next page and tells whether there may be more.
func (r *Rows) next(ctx context.Context, e *end) (found []ended, more bool, err error) {
	err = crdb.InTx(ctx, r.db, func(tx pgx.Tx) error {
		if found, err = e.find(ctx, tx, e.last); err != nil {
			return err
		}
		if err := bury(ctx, tx, found); err != nil {
			return err
		}
		return e.log(ctx, tx, found)
	})
	if err != nil {
		return nil, false, fmt.Errorf("end sessions: %w", err)
	}
	if len(found) > 0 {
		e.last = found[len(found)-1].ID
	}
	return found, len(found) == page, nil
}

// log writes what a page has ended, up to which time.
func (e *end) log(ctx context.Context, tx pgx.Tx, found []ended) error {
	event := e.event
	if e.kind == kindOrigin { // as many ends as there are sessions: one, as a rule
		for _, s := range found {
			event.Subject, event.SessionID = s.Subject, s.ID.String()
			if err := audit.Write(ctx, tx, audit.New(ctx, event)); err != nil {
				return err
			}
		}
		return nil
	}
	event.Detail = map[string]string{
		"sessions": strconv.Itoa(len(found)), audit.DetailBefore: e.before.UTC().Format(time.RFC3339Nano),
	}
	if e.except != uuid.Nil {
		event.Detail[audit.DetailExcept] = e.except.String()
	}
	return audit.Write(ctx, tx, audit.New(ctx, event))
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

// buryOne is [bury] for one session of a subject, with a line in the log. It
// returns ErrUnknown for a session without a row if until is zero. Otherwise such
// a session is over already, unless the database was set back and has forgotten
// it: it is buried until then.
func (r *Rows) buryOne(ctx context.Context, s ended, until time.Time, event audit.Event) error {
	err := crdb.InTx(ctx, r.db, func(tx pgx.Tx) error {
		const find = `SELECT client_id, tenant FROM sessions WHERE id = $1 AND subject = $2`
		event := event
		event.Subject, event.SessionID = s.Subject, s.ID.String()
		err := tx.QueryRow(ctx, find, s.ID, s.Subject).Scan(&event.ClientID, &event.Tenant)
		known := !errors.Is(err, pgx.ErrNoRows)
		switch {
		case err == nil:
			err = bury(ctx, tx, []ended{s})
		case known:
		case until.IsZero():
			return ErrUnknown
		default:
			stone := bearer.Tombstone{Kind: bearer.KindSession, ID: s.ID.String(), Subject: s.Subject, Expires: until.Add(lag)}
			known, err = bearer.Bury(ctx, tx, stone)
		}
		if err != nil || !known {
			return err
		}
		return audit.Write(ctx, tx, audit.New(ctx, event))
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

// forget removes the rows of sessions that Redis knows to be over.
func (r *Rows) forget(ctx context.Context, found []ended) error {
	const remove = `DELETE FROM sessions WHERE id = ANY($1)`
	err := crdb.Idempotent(ctx, func(ctx context.Context) error {
		_, err := r.db.Pool().Exec(ctx, remove, idsOf(found))
		return err
	})
	if err != nil {
		return fmt.Errorf("remove ended sessions: %w", err)
	}
	return nil
}

func idsOf(found []ended) []uuid.UUID {
	ids := make([]uuid.UUID, len(found))
	for i, s := range found {
		ids[i] = s.ID
	}
	return ids
}
