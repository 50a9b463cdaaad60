package clerkhook

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/crdb"
	"tandem.example/services/auth/internal/audit"
	"tandem.example/services/auth/internal/sessions"
)

const (
	// keptFor is longer than Svix repeats a delivery by itself, which is for about
	// 28 hours. What somebody sends again after that is done again, which ends
	// nothing that has not ended.
	keptFor = 48 * time.Hour
	// clearMost bounds what one delivery clears away. It is more than one, so the
	// table does not grow without end.
	clearMost = 20
)

// Postgres is the table clerk_deliveries. It is safe for concurrent use.
type Postgres struct{ db *crdb.DB }

// NewPostgres makes the store over an open pool.
func NewPostgres(db *crdb.DB) *Postgres { return &Postgres{db} }

// Finished implements [Deliveries].
func (p *Postgres) Finished(ctx context.Context, id string) (done bool, err error) {
	const query = `SELECT EXISTS (SELECT 1 FROM clerk_deliveries WHERE id = $1 AND finished)`
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		return p.db.Pool().QueryRow(ctx, query, id).Scan(&done)
	})
	if err != nil {
		return false, fmt.Errorf("look for delivery: %w", err)
	}
	return done, nil
}

// Change implements [Deliveries]: the delivery's row, its line in the log and the
// tombstone, which are all there or none. Of a delivery that is repeated they
// are there already.
func (p *Postgres) Change(d Delivery, stone bearer.Tombstone, event audit.Event) sessions.Change {
	const insert = `INSERT INTO clerk_deliveries (id, event, expires_at) VALUES ($1, $2, now() + $3::INT8 * INTERVAL '1 second')
		ON CONFLICT (id) DO NOTHING`
	return func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, insert, d.ID, d.Event.Type, int64(keptFor/time.Second))
		if err != nil {
			return fmt.Errorf("note delivery: %w", err)
		}
		if _, err := bearer.Bury(ctx, tx, stone); err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return audit.Write(ctx, tx, event)
	}
}

// Finish implements [Deliveries].
func (p *Postgres) Finish(ctx context.Context, id string) error {
	const update = `UPDATE clerk_deliveries SET finished = true WHERE id = $1`
	err := crdb.Idempotent(ctx, func(ctx context.Context) error {
		_, err := p.db.Pool().Exec(ctx, update, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("finish delivery: %w", err)
	}
	p.clear(ctx)
	return nil
}

// clear forgets deliveries that nobody will repeat. If it fails, the next one
// does it.
func (p *Postgres) clear(ctx context.Context) {
	const remove = `DELETE FROM clerk_deliveries WHERE id IN
		(SELECT id FROM clerk_deliveries WHERE expires_at < now() ORDER BY expires_at LIMIT $1)`
	_, _ = p.db.Pool().Exec(ctx, remove, clearMost)
}
