package sessions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
	"tandem.example/services/auth/internal/audit"
)

// Rows are the tables sessions and cutoffs: what must be known of sessions that
// Redis cannot be asked. They are safe for concurrent use.
type Rows struct{ db *crdb.DB }

// NewRows makes the store over an open pool.
func NewRows(db *crdb.DB) *Rows { return &Rows{db} }

// Kinds of cut-offs.
const (
	kindSubject = "subject"
	kindClient  = "client"
	kindAll     = "all"
	// kindOrigin has no generation: the tombstone of the session elsewhere keeps
	// sessions from being made.
	kindOrigin = "origin"
)

// generations are those of the three cut-offs that a session stands under.
type generations struct{ subject, client, all int64 }

// generations reads them; where no cut-off ever was it is zero.
func (r *Rows) generations(ctx context.Context, subject, client string) (g generations, err error) {
	const query = `SELECT
		coalesce((SELECT generation FROM cutoffs WHERE kind = 'subject' AND id = $1), 0),
		coalesce((SELECT generation FROM cutoffs WHERE kind = 'client' AND id = $2), 0),
		coalesce((SELECT generation FROM cutoffs WHERE kind = 'all' AND id = ''), 0)`
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		return r.db.Pool().QueryRow(ctx, query, subject, client).Scan(&g.subject, &g.client, &g.all)
	})
	if err != nil {
		return generations{}, fmt.Errorf("read cut-offs: %w", err)
	}
	return g, nil
}

// insert makes the session's row and the line of the log, both or neither, and
// tells when that was. The condition is what makes it safe: no cut-off has moved
// since the login began, and the session elsewhere that it was exchanged for has
// not been revoked. Otherwise it returns ErrMoved.
func (r *Rows) insert(ctx context.Context, i *Issued, g generations, life time.Duration, e audit.Event) (created time.Time, err error) {
	const statement = `WITH made AS (
		INSERT INTO sessions (id, subject, client_id, tenant, device, origin,
			subject_generation, client_generation, all_generation, expires_at)
		SELECT $1::UUID, $2::TEXT, $3::TEXT, $4::TEXT, $5::TEXT, $6::TEXT, $7::INT8, $8::INT8, $9::INT8,
			now() + $10::INT8 * INTERVAL '1 millisecond'
		WHERE coalesce((SELECT generation FROM cutoffs WHERE kind = 'subject' AND id = $2::TEXT), 0) = $7::INT8
			AND coalesce((SELECT generation FROM cutoffs WHERE kind = 'client' AND id = $3::TEXT), 0) = $8::INT8
			AND coalesce((SELECT generation FROM cutoffs WHERE kind = 'all' AND id = ''), 0) = $9::INT8
			AND NOT EXISTS (SELECT 1 FROM tombstones WHERE kind = 'clerk_session' AND id = $6::TEXT OR kind = 'clerk_user' AND id = $2::TEXT)
		RETURNING id, subject, client_id, tenant, created_at)
	INSERT INTO audit (id, at, type, actor, subject, client_id, session_id, tenant, address, request_id, detail)
	SELECT $11::UUID, created_at, $12::TEXT, $13::TEXT, subject, client_id, id::TEXT, tenant, $14::TEXT, $15::TEXT, $16::JSONB
	FROM made RETURNING at`
	for attempt := 0; ; attempt++ {
		err = r.db.Pool().QueryRow(ctx, statement, i.SessionID, i.Subject, i.ClientID, i.Tenant, i.Device, i.Origin,
			g.subject, g.client, g.all, life.Milliseconds(),
			e.ID, string(e.Type), e.Actor, e.Address, e.RequestID, e.Detail).Scan(&created)
		if !crdb.IsContention(err) || !crdb.Pause(ctx, attempt) { // anything else may have taken effect
			break
		}
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, ErrMoved
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("insert session: %w", crdb.Fault(err))
	}
	return created, nil
}

// ended is a session that is over in the database and may not be in Redis.
type ended struct {
	ID      uuid.UUID
	Subject string
}

// forget removes the rows of sessions that Redis knows to be over.
func (r *Rows) forget(ctx context.Context, page []ended) error {
	const remove = `DELETE FROM sessions WHERE id = ANY($1)`
	err := crdb.Idempotent(ctx, func(ctx context.Context) error {
		_, err := r.db.Pool().Exec(ctx, remove, idsOf(page))
		return err
	})
	if err != nil {
		return fmt.Errorf("remove ended sessions: %w", err)
	}
	return nil
}

func idsOf(page []ended) []uuid.UUID {
	ids := make([]uuid.UUID, len(page))
	for i, s := range page {
		ids[i] = s.ID
	}
	return ids
}
