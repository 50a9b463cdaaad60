package coherent

import (
	"context"
	"embed"
	"fmt"

	"github.com/google/uuid"

	"tandem.example/pkg/crdb"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations creates the table operations.
func Migrations() crdb.Migrations { return crdb.Embedded("coherent", migrationFiles) }

// Outcome is how a write went, for good. Version is 0 when it was aborted.
type Outcome struct{ Version int64 }

// Committed tells that the write took effect.
func (o Outcome) Committed() bool { return o.Version > 0 }

// Arbiter decides writes whose outcome is not known.
type Arbiter interface {
	// Decide returns the outcome of the operation. An operation that has none
	// yet is aborted by the question: its statement can never take effect.
	Decide(ctx context.Context, id uuid.UUID) (Outcome, error)
}

// Postgres is the arbiter over the table operations. That an id can be inserted
// once only is what makes its answer final; time plays no part.
type Postgres struct{ db *crdb.DB }

// NewPostgres makes the arbiter over an open pool.
func NewPostgres(db *crdb.DB) *Postgres { return &Postgres{db} }

// Decide implements [Arbiter]. It waits for a statement that holds the row, up
// to ctx's deadline.
func (p *Postgres) Decide(ctx context.Context, id uuid.UUID) (Outcome, error) {
	// model: core.pml, DECIDE
	const abort = `INSERT INTO operations (op_id, state, published) VALUES ($1, 'aborted', true) ON CONFLICT (op_id) DO NOTHING`
	const look = `SELECT COALESCE(version, 0) FROM operations WHERE op_id = $1`
	var outcome Outcome
	err := crdb.Idempotent(ctx, func(ctx context.Context) error {
		if _, err := p.db.Pool().Exec(ctx, abort, id); err != nil {
			return err
		}
		return p.db.Pool().QueryRow(ctx, look, id).Scan(&outcome.Version)
	})
	if err != nil {
		return Outcome{}, fmt.Errorf("decide operation %s: %w", id, err)
	}
	return outcome, nil
}
