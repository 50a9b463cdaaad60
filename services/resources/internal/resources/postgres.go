package resources

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
)

// Postgres is the store over the tables resources and operations.
type Postgres struct{ db *crdb.DB }

// NewPostgres makes the store over an open pool.
func NewPostgres(db *crdb.DB) *Postgres { return &Postgres{db} }

// row is a line of the table, in the order of its columns below.
type row struct {
	Tenant     string
	ID         uuid.UUID
	Type       string
	Name       string
	Attributes string
	Labels     map[string]string
	Owner      string
	Version    int64
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Home       string
}

// columns have the tenant's home with them, which is asked for as $1.
const columns = `tenant, id, type, name, attributes, labels, owner, version, created_at, updated_at,
	COALESCE((SELECT region FROM tenant_homes WHERE tenant = $1), '')`

func (r row) resource() Resource {
	return Resource{
		ID: ID(r.ID), Type: Type(r.Type), Name: Name(r.Name), Attributes: jsontext.Value(r.Attributes),
		Labels: Labels(r.Labels), Owner: r.Owner, Tenant: r.Tenant, Version: r.Version,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, home: r.Home,
	}
}

// Get implements [Reader].
func (p *Postgres) Get(ctx context.Context, tenant string, id ID) (Resource, error) {
	const query = `SELECT ` + columns + ` FROM resources WHERE tenant = $1 AND id = $2`
	found, err := p.read(ctx, query, tenant, uuid.UUID(id))
	if err != nil {
		return Resource{}, fmt.Errorf("get resource %s: %w", id, err)
	}
	if len(found) == 0 {
		return Resource{}, ErrNotFound
	}
	return found[0], nil
}

// GetAll implements [Reader].
func (p *Postgres) GetAll(ctx context.Context, tenant string, ids []ID) ([]Resource, error) {
	const query = `SELECT ` + columns + ` FROM resources WHERE tenant = $1 AND id = ANY($2::UUID[])`
	wanted := make([]uuid.UUID, len(ids))
	for i, id := range ids {
		wanted[i] = uuid.UUID(id)
	}
	found, err := p.read(ctx, query, tenant, wanted)
	if err != nil {
		return nil, fmt.Errorf("get %d resources: %w", len(ids), err)
	}
	return found, nil
}

// List implements [Reader].
func (p *Postgres) List(ctx context.Context, q Query) ([]Resource, error) {
	const every = `SELECT ` + columns + ` FROM resources WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3`
	const ofType = `SELECT ` + columns + ` FROM resources WHERE tenant = $1 AND id > $2 AND type = $4 ORDER BY id LIMIT $3`
	query, args := every, []any{q.Tenant, uuid.UUID(q.After), q.Limit}
	if q.Type != "" {
		query, args = ofType, append(args, string(q.Type))
	}
	found, err := p.read(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list resources: %w", err)
	}
	return found, nil
}

func (p *Postgres) read(ctx context.Context, query string, args ...any) ([]Resource, error) {
	var found []Resource
	err := crdb.Idempotent(ctx, func(ctx context.Context) error {
		rows, err := p.db.Pool().Query(ctx, query, args...)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (Resource, error) {
			line, err := pgx.RowToStructByPos[row](r)
			return line.resource(), err
		})
		return err
	})
	return found, err
}

// nothing turns the absence of a row into errNothing.
func nothing(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return errNothing
	}
	return err
}
