package sessions

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
)

// list reads a page of a subject's sessions that have not ended, without what
// only Redis knows of them.
func (r *Rows) list(ctx context.Context, subject string, before uuid.UUID) (all []Session, err error) {
	const query = `SELECT id, client_id, device, created_at FROM sessions
		WHERE subject = $1 AND id < $2 AND ended_at IS NULL AND expires_at > now() ORDER BY id DESC LIMIT $3`
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		rows, err := r.db.Pool().Query(ctx, query, subject, before, listed)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (s Session, err error) {
			err = row.Scan(&s.ID, &s.ClientID, &s.Device, &s.Created)
			return s, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return all, nil
}
