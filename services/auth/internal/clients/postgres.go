package clients

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/crdb"
)

// Postgres keeps the clients in the table clients.
type Postgres struct{ db *crdb.DB }

// NewPostgres makes the store over an open pool.
func NewPostgres(db *crdb.DB) *Postgres { return &Postgres{db} }

// columns are those of a record, in the order of scan.
const columns = `client_id, name, secret_digest, previous_digest, previous_until, grants, scopes, audiences,
	public, first_party, disabled, created_at, updated_at, now()`

func scan(row pgx.CollectableRow) (Record, error) {
	var r Record
	var scopes []string
	var until *time.Time
	err := row.Scan(&r.ID, &r.Name, &r.Digest, &r.Previous, &until, &r.Grants, &scopes, &r.Audiences,
		&r.Public, &r.FirstParty, &r.Disabled, &r.Created, &r.Updated, &r.read)
	if until != nil {
		r.Overlap = max(0, until.Sub(r.read))
	}
	r.Scopes = bearer.Scopes(strings.Join(scopes, " "))
	return r, err
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// find returns ErrClient when there is no such client.
func find(ctx context.Context, from querier, id string) (Record, error) {
	rows, err := from.Query(ctx, `SELECT `+columns+` FROM clients WHERE client_id = $1`, id)
	if err != nil {
		return Record{}, err
	}
	r, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return Record{}, ErrClient
	}
	return r, err
}

// Find implements [Store].
func (p *Postgres) Find(ctx context.Context, id string) (r Record, err error) {
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		r, err = find(ctx, p.db.Pool(), id)
		return err
	})
	if err != nil && !errors.Is(err, ErrClient) {
		err = fmt.Errorf("find client: %w", err)
	}
	return r, err
}

// Put implements [Store].
func (p *Postgres) Put(ctx context.Context, r Record) error {
	const upsert = `INSERT INTO clients (client_id, name, secret_digest, grants, scopes, audiences, public, first_party, disabled)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (client_id) DO UPDATE SET name = excluded.name, secret_digest = excluded.secret_digest,
			previous_digest = NULL, previous_until = NULL,
			grants = excluded.grants, scopes = excluded.scopes, audiences = excluded.audiences, public = excluded.public,
			first_party = excluded.first_party, disabled = excluded.disabled, updated_at = now()`
	err := crdb.Idempotent(ctx, func(ctx context.Context) error {
		_, err := p.db.Pool().Exec(ctx, upsert, r.ID, r.Name, r.Digest, list(r.Grants), list(r.Scopes.Names()), list(r.Audiences),
			r.Public, r.FirstParty, r.Disabled)
		return err
	})
	if err != nil {
		return fmt.Errorf("put client: %w", err)
	}
	return nil
}

// list is never NULL.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
