package bearer

import (
	"context"
	"embed"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations creates the table tombstones.
func Migrations() crdb.Migrations { return crdb.Embedded("bearer", migrationFiles) }

// Kind says what a tombstone ends.
type Kind string

// The kinds. The id of each is the token's jti, the session's sid, or Clerk's id
// of the session or user.
const (
	KindToken        Kind = "token"
	KindSession      Kind = "session"
	KindClerkSession Kind = "clerk_session"
	KindClerkUser    Kind = "clerk_user"
)

// Tombstone is the durable half of a revocation. It is committed before Redis
// is touched and outlives whatever it ends.
type Tombstone struct {
	Kind    Kind
	ID      string
	Subject string
	Expires time.Time
}

// Tombstones is the table, safe for concurrent use.
type Tombstones struct{ db *crdb.DB }

// NewTombstones makes the store over an open pool.
func NewTombstones(db *crdb.DB) *Tombstones { return &Tombstones{db} }

const bury = `INSERT INTO tombstones (kind, id, subject, expires_at) VALUES ($1, $2, $3, $4) ON CONFLICT (kind, id) DO `

// Bury adds a tombstone to a transaction and tells whether it is a new one.
func Bury(ctx context.Context, tx pgx.Tx, s Tombstone) (bool, error) {
	const insert = bury + `NOTHING`
	tag, err := tx.Exec(ctx, insert, string(s.Kind), s.ID, s.Subject, s.Expires)
	if err != nil {
		return false, fmt.Errorf("bury: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// Bury commits tombstones. Burying twice is burying once, for the longer time,
// so a caller that did not hear the outcome may repeat it.
func (t *Tombstones) Bury(ctx context.Context, stones ...Tombstone) error {
	const insert = bury + `UPDATE SET expires_at = greatest(tombstones.expires_at, excluded.expires_at)`
	for _, s := range stones {
		err := crdb.Idempotent(ctx, func(ctx context.Context) error {
			_, err := t.db.Pool().Exec(ctx, insert, string(s.Kind), s.ID, s.Subject, s.Expires)
			return err
		})
		if err != nil {
			return fmt.Errorf("bury: %w", err)
		}
	}
	return nil
}

// Buried tells whether there is a tombstone of one of these kinds with one of
// these ids, also one that has expired and was not cleared away yet.
func (t *Tombstones) Buried(ctx context.Context, kinds []Kind, ids ...string) (found bool, err error) {
	const query = `SELECT EXISTS (SELECT 1 FROM tombstones WHERE kind = ANY ($1) AND id = ANY ($2))`
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		return t.db.Pool().QueryRow(ctx, query, kinds, ids).Scan(&found)
	})
	if err != nil {
		return false, fmt.Errorf("look for tombstone: %w", err)
	}
	return found, nil
}

// After reads the next page of unexpired tombstones in the order of their keys.
func (t *Tombstones) After(ctx context.Context, last Tombstone, limit int) ([]Tombstone, error) {
	const query = `SELECT kind, id, subject, expires_at FROM tombstones
		WHERE (kind, id) > ($1, $2) AND expires_at > now() ORDER BY kind, id LIMIT $3`
	rows, err := t.db.Pool().Query(ctx, query, string(last.Kind), last.ID, limit)
	if err != nil {
		return nil, fmt.Errorf("read tombstones: %w", crdb.Fault(err))
	}
	page, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s Tombstone, err error) {
		err = row.Scan(&s.Kind, &s.ID, &s.Subject, &s.Expires)
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("read tombstones: %w", crdb.Fault(err))
	}
	return page, nil
}

// Clear removes up to limit tombstones that have expired and tells how many.
func (t *Tombstones) Clear(ctx context.Context, limit int) (int64, error) {
	const remove = `DELETE FROM tombstones WHERE (kind, id) IN
		(SELECT kind, id FROM tombstones WHERE expires_at < now() LIMIT $1)`
	tag, err := t.db.Pool().Exec(ctx, remove, limit)
	if err != nil {
		return 0, fmt.Errorf("clear tombstones: %w", crdb.Fault(err))
	}
	return tag.RowsAffected(), nil
}
