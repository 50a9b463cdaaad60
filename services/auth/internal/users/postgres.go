package users

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
)

// Postgres keeps the users in the table users.
type Postgres struct{ db *crdb.DB }

// NewPostgres makes the store over an open pool.
func NewPostgres(db *crdb.DB) *Postgres { return &Postgres{db} }

// The generation is read with the row, in one statement: a change of the row that
// is not seen here moves a generation that is not seen either.
const find = `SELECT id, login, roles, disabled,
	coalesce((SELECT generation FROM cutoffs WHERE kind = 'subject' AND cutoffs.id = users.id::TEXT), 0),
	created_at, password FROM users WHERE `

// ByLogin implements [Credentials].
func (p *Postgres) ByLogin(ctx context.Context, login string) (User, string, error) {
	const query = find + `login = $1`
	return p.find(ctx, query, login)
}

// Renew implements [Credentials].
func (p *Postgres) Renew(ctx context.Context, id, old, renewed string) error {
	const update = `UPDATE users SET password = $3 WHERE id = $1 AND password = $2`
	err := crdb.Idempotent(ctx, func(ctx context.Context) error {
		_, err := p.db.Pool().Exec(ctx, update, id, old, renewed)
		return err
	})
	if err != nil {
		return fmt.Errorf("renew password hash: %w", err)
	}
	return nil
}

// ByID implements [Store].
func (p *Postgres) ByID(ctx context.Context, id string) (User, error) {
	const query = find + `id = $1`
	u, _, err := p.find(ctx, query, id)
	return u, err
}

func (p *Postgres) find(ctx context.Context, query, by string) (u User, password string, err error) {
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		return p.db.Pool().QueryRow(ctx, query, by).
			Scan(&u.ID, &u.Login, &u.Roles, &u.Disabled, &u.Generation, &u.Created, &password)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return User{}, "", ErrUnknown
	}
	if err != nil {
		return User{}, "", fmt.Errorf("find user: %w", err)
	}
	return u, password, nil
}

// Put implements [Store].
func (p *Postgres) Put(ctx context.Context, u User, password string) error {
	const upsert = `WITH changed AS (
			INSERT INTO users (id, login, password, roles) VALUES ($1, $2, $3, $4)
			ON CONFLICT (login) DO UPDATE SET password = excluded.password, roles = excluded.roles, updated_at = now()
			RETURNING id)
		INSERT INTO cutoffs (kind, id, generation) SELECT 'subject', id::TEXT, 1 FROM changed
		ON CONFLICT (kind, id) DO UPDATE SET generation = cutoffs.generation + 1, updated_at = now()`
	roles := u.Roles
	if roles == nil {
		roles = []string{}
	}
	if _, err := p.db.Pool().Exec(ctx, upsert, u.ID, u.Login, password, roles); err != nil {
		return fmt.Errorf("put user: %w", crdb.Fault(err))
	}
	return nil
}
