package resources

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"tandem.example/pkg/coherent"
	"tandem.example/pkg/crdb"
	"tandem.example/pkg/invalidation"
	"tandem.example/pkg/telemetry"
)

// Each write is one statement: it changes the row and inserts the operation row,
// which decides the write's outcome and is what the relay publishes. The epoch
// is part of its condition, and a second use of an operation id fails all of it.
// Its first six parameters are those of [Postgres.write].

// Insert implements [Store].
func (p *Postgres) Insert(ctx context.Context, op coherent.Operation, r Resource) (Resource, error) {
	const statement = `WITH changed AS (
			INSERT INTO resources (tenant, id, type, name, attributes, labels, owner, version)
			SELECT $7::TEXT, $8::UUID, $9::TEXT, $10::TEXT, $11::TEXT, $12::JSONB, $13::TEXT, 1
			FROM redis_epoch WHERE region = $5 AND epoch = $6
			RETURNING version)
		INSERT INTO operations (op_id, state, version, subject, event, shard)
		SELECT $1::UUID, 'committed', version, $2::TEXT, $3::JSONB, $4::INT8 FROM changed
		RETURNING version, created_at`
	r, err := p.write(ctx, statement, op, invalidation.Created, r,
		r.Tenant, uuid.UUID(r.ID), string(r.Type), string(r.Name), string(r.Attributes), map[string]string(r.Labels), r.Owner)
	r.CreatedAt = r.UpdatedAt
	return r, err
}

// Update implements [Store].
func (p *Postgres) Update(ctx context.Context, op coherent.Operation, r Resource, versions []int64) (Resource, error) {
	const statement = `WITH changed AS (
			UPDATE resources SET name = $7, attributes = $8, labels = $9, version = version + 1, updated_at = now()
			WHERE tenant = $10 AND id = $11 AND ($12::INT8[] IS NULL OR version = ANY($12))
			AND EXISTS (SELECT 1 FROM redis_epoch WHERE region = $5 AND epoch = $6)
			RETURNING version)
		INSERT INTO operations (op_id, state, version, subject, event, shard)
		SELECT $1::UUID, 'committed', version, $2::TEXT, $3::JSONB, $4::INT8 FROM changed
		RETURNING version, created_at`
	return p.write(ctx, statement, op, invalidation.Updated, r,
		string(r.Name), string(r.Attributes), map[string]string(r.Labels), r.Tenant, uuid.UUID(r.ID), versions)
}

// Delete implements [Store]. The deletion is a version of its own.
func (p *Postgres) Delete(ctx context.Context, op coherent.Operation, r Resource, versions []int64) (Resource, error) {
	const statement = `WITH changed AS (
			DELETE FROM resources
			WHERE tenant = $7 AND id = $8 AND ($9::INT8[] IS NULL OR version = ANY($9))
			AND EXISTS (SELECT 1 FROM redis_epoch WHERE region = $5 AND epoch = $6)
			RETURNING version)
		INSERT INTO operations (op_id, state, version, subject, event, shard)
		SELECT $1::UUID, 'committed', version + 1, $2::TEXT, $3::JSONB, $4::INT8 FROM changed
		RETURNING version, created_at`
	return p.write(ctx, statement, op, invalidation.Deleted, r, r.Tenant, uuid.UUID(r.ID), versions)
}

// WrittenAt implements [Store].
func (p *Postgres) WrittenAt(ctx context.Context, op coherent.Operation) (at time.Time, err error) {
	const query = `SELECT created_at FROM operations WHERE op_id = $1`
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		return p.db.Pool().QueryRow(ctx, query, op.ID).Scan(&at)
	})
	return at, err
}

// write runs a statement and gives r with the version and time that it wrote:
// now() is the transaction's time, so it is the same in both tables. The
// driver's errors pass unclassified, for [coherent.Cache.Write] to judge.
func (p *Postgres) write(ctx context.Context, statement string, op coherent.Operation, action invalidation.Action, r Resource, args ...any) (Resource, error) {
	change := invalidation.Change{
		Action: action, Tenant: r.Tenant, Type: string(r.Type), ID: r.ID.String(),
	}
	for _, marked := range r.change().Cells() {
		change.Keys = append(change.Keys, string(marked))
	}
	event, err := json.Marshal(invalidation.Record{Change: change, Trace: telemetry.TraceParent(ctx)})
	if err != nil {
		return Resource{}, fmt.Errorf("encode event: %w", err)
	}
	subject := change.Subject()
	args = append([]any{op.ID, subject, string(event), invalidation.Shard(subject), op.Region, op.Epoch}, args...)
	conn, err := p.db.Acquire(ctx)
	if err != nil {
		return Resource{}, fmt.Errorf("write resource %s: %w", r.ID, err)
	}
	defer conn.Release()
	if err := conn.QueryRow(ctx, statement, args...).Scan(&r.Version, &r.UpdatedAt); err != nil {
		return Resource{}, nothing(fmt.Errorf("write resource %s: %w", r.ID, err))
	}
	return r, nil
}
