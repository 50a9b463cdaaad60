package sessions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
	"tandem.example/services/auth/internal/audit"
)

// Rows are the tables sessions and cutoffs: what must be known of sessions that
// Redis cannot be asked. They are safe for concurrent use.
type Rows struct{ db *crdb.DB }

// NewRows makes the store over an open pool.
func NewRows(db *crdb.DB) *Rows { return &Rows{db} }

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
// since the login began, and the session elsewhere that it was exchanged for, if
// any, has not been revoked. Otherwise it returns ErrMoved.
func (r *Rows) insert(ctx context.Context, i *Issued, g generations, life time.Duration, e *audit.Event) (created time.Time, err error) {
	const statement = `WITH logged AS (
		INSERT INTO audit (` + audit.Columns + `) SELECT ` + audit.Values + `
		WHERE coalesce((SELECT generation FROM cutoffs WHERE kind = 'subject' AND id = $15::TEXT), 0) = $20::INT8
			AND coalesce((SELECT generation FROM cutoffs WHERE kind = 'client' AND id = $16::TEXT), 0) = $21::INT8
			AND coalesce((SELECT generation FROM cutoffs WHERE kind = 'all' AND id = ''), 0) = $22::INT8
			AND ($19::TEXT = '' OR NOT EXISTS (SELECT 1 FROM tombstones
				WHERE kind = 'clerk_session' AND id = $19::TEXT OR kind = 'clerk_user' AND id = $15::TEXT))
		RETURNING id)
	INSERT INTO sessions (id, subject, client_id, tenant, device, origin,
		subject_generation, client_generation, all_generation, expires_at)
	SELECT $14::UUID, $15::TEXT, $16::TEXT, $17::TEXT, $18::TEXT, $19::TEXT, $20::INT8, $21::INT8, $22::INT8,
		now() + $23::INT8 * INTERVAL '1 millisecond'
	FROM logged RETURNING created_at`
	args := append(e.Args(), i.SessionID, i.Subject, i.ClientID, i.Tenant, i.Device, i.Origin, g.subject, g.client, g.all, life.Milliseconds())
	for attempt := 0; ; attempt++ {
		err = r.db.Pool().QueryRow(ctx, statement, args...).Scan(&created)
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
