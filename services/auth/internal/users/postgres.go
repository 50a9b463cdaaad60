package users

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
)

// Postgres keeps the users in the table users.
type Postgres struct {
	db   *crdb.DB
	ends Ends
}

// NewPostgres makes the store over an open pool.
func NewPostgres(db *crdb.DB, ends Ends) *Postgres { return &Postgres{db, ends} }

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
func (p *Postgres) ByID(ctx context.Context, id string) (User, string, error) {
	const query = find + `id = $1`
	return p.find(ctx, query, id)
}

// List implements [Store].
func (p *Postgres) List(ctx context.Context, after string, limit int) (users []User, err error) {
	const query = `SELECT id, login, roles, disabled, 0, created_at FROM users WHERE id > $1 ORDER BY id LIMIT $2`
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		rows, err := p.db.Pool().Query(ctx, query, after, limit)
		if err == nil {
			users, err = pgx.CollectRows(rows, pgx.RowToStructByPos[User])
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return users, nil
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
