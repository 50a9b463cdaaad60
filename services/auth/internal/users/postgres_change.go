package users

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
	"tandem.example/services/auth/internal/audit"
)

// Ends ends all sessions of a subject, but the excepted one, in the transaction of
// a change, and tells how many; *sessions.Store is one. An error of the change
// undoes everything.
type Ends interface {
	EndSubject(ctx context.Context, subject, except string, change func(context.Context, pgx.Tx) error) (int64, error)
}

// Create implements [Store].
func (p *Postgres) Create(ctx context.Context, u User, password string, e audit.Event) (User, error) {
	const insert = `INSERT INTO users (id, login, password, roles) VALUES ($1, $2, $3, $4) RETURNING created_at`
	err := crdb.InTx(ctx, p.db, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, insert, u.ID, u.Login, password, list(u.Roles)).Scan(&u.Created); err != nil {
			return err
		}
		return audit.Write(ctx, tx, e)
	})
	if crdb.IsUnique(err) {
		return User{}, ErrTaken
	}
	if err != nil {
		return User{}, fmt.Errorf("create user: %w", err)
	}
	return u, nil
}

// SetPassword implements [Store].
func (p *Postgres) SetPassword(ctx context.Context, id string, old *string, renewed, except string, e audit.Event) (int64, error) {
	const update = `UPDATE users SET password = $2, updated_at = now() WHERE id = $1 AND ($3::TEXT IS NULL OR password = $3)`
	return p.ends.EndSubject(ctx, id, except, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, update, id, renewed, old)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrUnknown
		}
		if err != nil {
			return fmt.Errorf("set password: %w", err)
		}
		return audit.Write(ctx, tx, e)
	})
}

// Update implements [Store].
func (p *Postgres) Update(ctx context.Context, id string, c Change, e audit.Event) (u User, ended int64, err error) {
	const update = `UPDATE users SET roles = coalesce($2::TEXT[], roles), disabled = coalesce($3::BOOL, disabled), updated_at = now()
		WHERE id = $1 RETURNING id, login, roles, disabled, created_at`
	var roles []string
	if c.Roles != nil {
		roles = list(*c.Roles)
	}
	ended, err = p.ends.EndSubject(ctx, id, "", func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, update, id, roles, c.Disabled).Scan(&u.ID, &u.Login, &u.Roles, &u.Disabled, &u.Created)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrUnknown
		}
		if err != nil {
			return fmt.Errorf("update user: %w", err)
		}
		return audit.Write(ctx, tx, e)
	})
	return u, ended, err
}

// Put implements [Store].
func (p *Postgres) Put(ctx context.Context, u User, password string) error {
	const upsert = `WITH changed AS (
			INSERT INTO users (id, login, password, roles) VALUES ($1, $2, $3, $4)
			ON CONFLICT (login) DO UPDATE SET password = excluded.password, roles = excluded.roles, updated_at = now()
			RETURNING id)
		INSERT INTO cutoffs (kind, id, generation) SELECT 'subject', id::TEXT, 1 FROM changed
		ON CONFLICT (kind, id) DO UPDATE SET generation = cutoffs.generation + 1, updated_at = now()`
	if _, err := p.db.Pool().Exec(ctx, upsert, u.ID, u.Login, password, list(u.Roles)); err != nil {
		return fmt.Errorf("put user: %w", crdb.Fault(err))
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
