package idempotency

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
)

// Postgres is the store over the table operations.
type Postgres struct{ db *crdb.DB }

// NewPostgres makes the store over an open pool.
func NewPostgres(db *crdb.DB) *Postgres { return &Postgres{db} }

// Find implements [Store]. A key that has expired is taken off its row, so that
// it can be used again.
func (p *Postgres) Find(ctx context.Context, r Request) (*Answer, error) {
	const find = `SELECT idempotency_request, COALESCE(idempotency_answer, ''), version, created_at,
		created_at < now() - INTERVAL '24 hours' FROM operations WHERE idempotency_key = $1`
	const expire = `UPDATE operations SET idempotency_key = NULL, idempotency_request = NULL, idempotency_answer = NULL
		WHERE idempotency_key = $1 AND created_at < now() - INTERVAL '24 hours'`
	var found *Answer
	var asked []byte
	err := crdb.Idempotent(ctx, func(ctx context.Context) error {
		var a Answer
		var expired bool
		found = nil
		err := p.db.Pool().QueryRow(ctx, find, r.Key).Scan(&asked, &a.Content, &a.Version, &a.At, &expired)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return nil
		case err == nil && expired:
			_, err = p.db.Pool().Exec(ctx, expire, r.Key)
		case err == nil:
			found = &a
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find the answer to a request: %w", err)
	}
	if found != nil && !bytes.Equal(asked, r.Asked) {
		return nil, ErrReused
	}
	return found, nil
}
