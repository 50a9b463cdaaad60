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
// Its first nine parameters are those of [Postgres.write]; the last three of these
// are NULL for a request without a key.

// Insert implements [Store].
func (p *Postgres) Insert(ctx context.Context, op Operation, r Resource) (Resource, error) {
	const statement = `WITH changed AS (
			INSERT INTO resources (tenant, id, type, name, attributes, labels, owner, version)
			SELECT $10::TEXT, $11::UUID, $12::TEXT, $13::TEXT, $14::TEXT, $15::JSONB, $16::TEXT, 1
			FROM redis_epoch WHERE region = $5 AND epoch = $6
			RETURNING version)
		INSERT INTO operations (op_id, state, version, subject, event, shard,
			idempotency_key, idempotency_request, idempotency_answer)
		SELECT $1::UUID, 'committed', version, $2::TEXT, $3::JSONB, $4::INT8, $7::BYTEA, $8::BYTEA, $9::TEXT FROM changed
		RETURNING version, created_at`
	r, err := p.write(ctx, statement, op, invalidation.Created, r,
		r.Tenant, uuid.UUID(r.ID), string(r.Type), string(r.Name), string(r.Attributes), map[string]string(r.Labels), r.Owner)
	r.CreatedAt = r.UpdatedAt
	return r, err
}

// Update implements [Store].
func (p *Postgres) Update(ctx context.Context, op Operation, r Resource, versions []int64) (Resource, error) {
	const statement = `WITH changed AS (
			UPDATE resources SET name = $10, attributes = $11, labels = $12, version = version + 1, updated_at = now()
			WHERE tenant = $13 AND id = $14 AND ($15::INT8[] IS NULL OR version = ANY($15))
			AND EXISTS (SELECT 1 FROM redis_epoch WHERE region = $5 AND epoch = $6)
			RETURNING version)
		INSERT INTO operations (op_id, state, version, subject, event, shard,
			idempotency_key, idempotency_request, idempotency_answer)
		SELECT $1::UUID, 'committed', version, $2::TEXT, $3::JSONB, $4::INT8, $7::BYTEA, $8::BYTEA, $9::TEXT FROM changed
		RETURNING version, created_at`
	return p.write(ctx, statement, op, invalidation.Updated, r,
		string(r.Name), string(r.Attributes), map[string]string(r.Labels), r.Tenant, uuid.UUID(r.ID), versions)
}

// Delete implements [Store]. The deletion is a version of its own.
func (p *Postgres) Delete(ctx context.Context, op Operation, r Resource, versions []int64) (Resource, error) {
	const statement = `WITH changed AS (
			DELETE FROM resources
			WHERE tenant = $10 AND id = $11 AND ($12::INT8[] IS NULL OR version = ANY($12))
			AND EXISTS (SELECT 1 FROM redis_epoch WHERE region = $5 AND epoch = $6)
			RETURNING version)
		INSERT INTO operations (op_id, state, version, subject, event, shard,
			idempotency_key, idempotency_request, idempotency_answer)
		SELECT $1::UUID, 'committed', version + 1, $2::TEXT, $3::JSONB, $4::INT8, $7::BYTEA, $8::BYTEA, $9::TEXT FROM changed
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
func (p *Postgres) write(ctx context.Context, statement string, op Operation, action invalidation.Action, r Resource, args ...any) (Resource, error) {
	change := invalidation.Change{
		Action: action, Tenant: r.Tenant, Type: string(r.Type), ID: r.ID.String(),
	}
	for _, marked := range r.change().Cells() {
		change.Keys = append(change.Keys, string(marked))
	}
	event, err := json.Marshal(invalidation.Record{Change: change, Source: op.Source, Trace: telemetry.TraceParent(ctx)})
	if err != nil {
		return Resource{}, fmt.Errorf("encode event: %w", err)
	}
	subject := change.Subject()
	answer, err := answerTo(op, action, r)
	if err != nil {
		return Resource{}, err
	}
	first := []any{op.ID, subject, string(event), invalidation.Shard(subject), op.Region, op.Epoch, op.Once.Key, op.Once.Asked, answer}
	args = append(first, args...)
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

// answerTo is what is kept for those who ask again: the resource without what the
// database gives it, nothing of one that is deleted, and NULL without a key.
func answerTo(op Operation, action invalidation.Action, r Resource) (*string, error) {
	if !op.Once.Keyed() {
		return nil, nil
	}
	kept := ""
	if action != invalidation.Deleted {
		content, err := json.Marshal(r, json.Deterministic(true))
		if err != nil {
			return nil, fmt.Errorf("encode answer: %w", err)
		}
		kept = string(content)
	}
	return &kept, nil
}
