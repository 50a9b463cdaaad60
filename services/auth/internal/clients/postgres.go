package clients

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/crdb"
)

// Postgres keeps the clients in the table clients.
type Postgres struct{ db *crdb.DB }

// NewPostgres makes the store over an open pool.
func NewPostgres(db *crdb.DB) *Postgres { return &Postgres{db} }

// Find implements [Store].
func (p *Postgres) Find(ctx context.Context, id string) (Record, error) {
	const query = `SELECT client_id, name, secret_digest, grants, scopes, audiences, public, first_party, disabled
		FROM clients WHERE client_id = $1`
	var r Record
	var scopes []string
	err := crdb.Idempotent(ctx, func(ctx context.Context) error {
		return p.db.Pool().QueryRow(ctx, query, id).Scan(&r.ID, &r.Name, &r.Digest, &r.Grants, &scopes, &r.Audiences,
			&r.Public, &r.FirstParty, &r.Disabled)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return Record{}, ErrClient
	}
	if err != nil {
		return Record{}, fmt.Errorf("find client: %w", err)
	}
	r.Scopes = bearer.Scopes(strings.Join(scopes, " "))
	return r, nil
}

// Put implements [Store].
func (p *Postgres) Put(ctx context.Context, r Record) error {
	const upsert = `INSERT INTO clients (client_id, name, secret_digest, grants, scopes, audiences, public, first_party, disabled)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (client_id) DO UPDATE SET name = excluded.name, secret_digest = excluded.secret_digest,
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
