package clients

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
	"tandem.example/services/auth/internal/audit"
)

// Ledger is the table clients as the administration writes it.
type Ledger struct {
	*Postgres

	sessions Ender
}

// NewLedger makes a ledger over an open pool.
func NewLedger(p *Postgres, sessions Ender) *Ledger { return &Ledger{p, sessions} }

// Create implements [Book].
func (p *Ledger) Create(ctx context.Context, r Record, e audit.Event) (Record, error) {
	const insert = `INSERT INTO clients (client_id, name, secret_digest, grants, scopes, audiences, public, first_party)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	err := p.act(ctx, func(tx pgx.Tx) error {
		if err := audit.Write(ctx, tx, e); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, insert, r.ID, r.Name, r.Digest, list(r.Grants), list(r.Scopes.Names()), list(r.Audiences), r.Public, r.FirstParty)
		if crdb.IsUnique(err) {
			return ErrTaken
		}
		if err == nil {
			r, err = find(ctx, tx, r.ID)
		}
		return err
	})
	if err == nil && r.Created.IsZero() {
		return p.Find(ctx, r.ID)
	}
	return r, failed("create client", err)
}

// Ender ends the sessions of a client, with a change in one transaction;
// *sessions.Store is one.
type Ender interface {
	EndClient(ctx context.Context, id string, change func(context.Context, pgx.Tx) error) (int64, error)
}

// Change implements [Book].
func (p *Ledger) Change(ctx context.Context, id string, e audit.Event, edit Edit) (r Record, err error) {
	err = p.act(ctx, func(tx pgx.Tx) error {
		r, err = change(ctx, tx, id, e, edit)
		return err
	})
	return r, failed("change client", err)
}

// ChangeAndEnd implements [Book].
func (p *Ledger) ChangeAndEnd(ctx context.Context, id string, e audit.Event, edit Edit) (r Record, err error) {
	_, err = p.sessions.EndClient(ctx, id, func(ctx context.Context, tx pgx.Tx) error {
		r, err = change(ctx, tx, id, e, edit)
		return err
	})
	return r, failed("disable client", err)
}

// End implements [Book].
func (p *Ledger) End(ctx context.Context, id string) error {
	_, err := p.sessions.EndClient(ctx, id, nil)
	return failed("end sessions of client", err)
}

func change(ctx context.Context, tx pgx.Tx, id string, e audit.Event, edit Edit) (Record, error) {
	const update = `UPDATE clients SET name = $2, secret_digest = $3, previous_digest = $4, previous_until = $5, grants = $6,
		scopes = $7, audiences = $8, first_party = $9, disabled = $10, updated_at = now() WHERE client_id = $1`
	r, err := find(ctx, tx, id)
	if err != nil {
		return Record{}, err
	}
	if err := edit(&r, &e); err != nil {
		return Record{}, err
	}
	if err := audit.Write(ctx, tx, e); err != nil {
		return r, err
	}
	r.Updated = r.read
	var until *time.Time
	if at := r.until(); !at.IsZero() {
		until = &at
	}
	_, err = tx.Exec(ctx, update, id, r.Name, r.Digest, r.Previous, until, list(r.Grants), list(r.Scopes.Names()), list(r.Audiences),
		r.FirstParty, r.Disabled)
	return r, err
}

func failed(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// act runs a transaction that writes an event and what the event tells of. If
// its outcome was not heard, it runs again: an event that is there already says
// that it took effect the first time.
func (p *Ledger) act(ctx context.Context, body func(pgx.Tx) error) error {
	err := crdb.InTx(ctx, p.db, body)
	if !errors.Is(err, crdb.ErrAmbiguous) {
		return err
	}
	if err = crdb.InTx(ctx, p.db, body); crdb.IsUnique(err) {
		return nil
	}
	return err
}

// List implements [Book].
func (p *Ledger) List(ctx context.Context, after string, limit int) (found []Record, err error) {
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		rows, err := p.db.Pool().Query(ctx, `SELECT `+columns+` FROM clients WHERE client_id > $1 ORDER BY client_id LIMIT $2`, after, limit)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, scan)
		return err
	})
	return found, failed("list clients", err)
}
