package audit

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
)

// Insert is the statement that writes an event, for stores that write it with
// the change it tells of. Its arguments are [Event.Args]. A store that inserts
// on a condition writes INSERT INTO audit ([Columns]) SELECT [Values] itself.
const Insert = `INSERT INTO audit (` + Columns + `) VALUES (` + Values + `)`

// Columns are what an event fills, Values the types and places of [Event.Args].
const (
	Columns = `id, at, type, outcome, reason, actor, subject, client_id, session_id, tenant, address, request_id, detail`
	Values  = `$1::UUID, $2::TIMESTAMPTZ, $3::TEXT, $4::TEXT, $5::TEXT, $6::TEXT, $7::TEXT, $8::TEXT, $9::TEXT, $10::TEXT, $11::TEXT, $12::TEXT, $13::JSONB`
)

// Args are the arguments of [Insert].
func (e *Event) Args() []any {
	t := e.tidied()
	return []any{
		t.ID, t.At, string(t.Type), t.Outcome, t.Reason, t.Actor, t.Subject, t.ClientID, t.SessionID, t.Tenant,
		t.Address, t.RequestID, t.Detail,
	}
}

// Write adds an event to a transaction.
func Write(ctx context.Context, tx pgx.Tx, e Event) error {
	if _, err := tx.Exec(ctx, Insert, e.Args()...); err != nil {
		return fmt.Errorf("audit %s: %w", e.Type, err)
	}
	return nil
}

// Announcer is told of entries that were committed, so that they are announced
// at once; *Publisher is one. It never blocks, and forgetting costs only time.
type Announcer interface{ Nudge(ids ...uuid.UUID) }

// Log is the table audit. It is safe for concurrent use.
type Log struct {
	db        *crdb.DB
	announcer Announcer
}

// NewLog makes the log over an open pool.
func NewLog(db *crdb.DB, announcer Announcer) *Log { return &Log{db, announcer} }

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
	l.announcer.Nudge(e.ID)
	return nil
}

// Store implements [Sink]: all of the events or none, in one statement.
func (l *Log) Store(ctx context.Context, events []Event) error {
	const insert = `INSERT INTO audit (` + Columns + `)
		SELECT (e->>'id')::UUID, (e->>'at')::TIMESTAMPTZ, e->>'type', e->>'outcome', e->>'reason', e->>'actor', e->>'subject',
			e->>'client_id', e->>'session_id', e->>'tenant', e->>'address', e->>'request_id', e->'detail'
		FROM (SELECT line::JSONB AS e FROM unnest($1::TEXT[]) AS line) AS lines
		ON CONFLICT (id) DO NOTHING`
	lines := make([]string, len(events))
	for i := range events {
		line, err := json.Marshal(events[i].tidied())
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		lines[i] = string(line)
	}
	err := crdb.Idempotent(ctx, func(ctx context.Context) error {
		_, err := l.db.Pool().Exec(ctx, insert, lines)
		return err
	})
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}
