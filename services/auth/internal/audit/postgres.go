package audit

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
)

// Insert is the statement that writes an event, for stores that write it with
// the change it tells of. Its arguments are [Event.Args].
const Insert = `INSERT INTO audit (id, at, type, reason, actor, subject, client_id, session_id, tenant, address, request_id, detail)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`

// Args are the arguments of [Insert].
func (e *Event) Args() []any {
	detail := e.Detail
	if detail == nil {
		detail = map[string]string{}
	}
	return []any{e.ID, e.At, string(e.Type), e.Reason, e.Actor, e.Subject, e.ClientID, e.SessionID, e.Tenant, e.Address, e.RequestID, detail}
}

// Write adds an event to a transaction.
func Write(ctx context.Context, tx pgx.Tx, e Event) error {
	if _, err := tx.Exec(ctx, Insert, e.Args()...); err != nil {
		return fmt.Errorf("audit %s: %w", e.Type, err)
	}
	return nil
}

// Log is the table audit. It is safe for concurrent use.
type Log struct{ db *crdb.DB }

// NewLog makes the log over an open pool.
func NewLog(db *crdb.DB) *Log { return &Log{db} }

// Record writes an event that tells of no change: a refusal.
func (l *Log) Record(ctx context.Context, e Event) error {
	const insert = Insert + ` ON CONFLICT (id) DO NOTHING` // it may be sent twice
	err := crdb.Idempotent(ctx, func(ctx context.Context) error {
		_, err := l.db.Pool().Exec(ctx, insert, e.Args()...)
		return err
	})
	if err != nil {
		return fmt.Errorf("audit %s: %w", e.Type, err)
	}
	return nil
}
