package resources

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
)

// Home implements [Homes].
func (p *Postgres) Home(ctx context.Context, tenant string) (home string, err error) {
	const query = `SELECT region FROM tenant_homes WHERE tenant = $1`
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		err := p.db.Pool().QueryRow(ctx, query, tenant).Scan(&home)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("look for a tenant's home: %w", err)
	}
	return home, nil
}

// Claim implements [Homes]. The first one counts.
func (p *Postgres) Claim(ctx context.Context, tenant, region string) error {
	const insert = `INSERT INTO tenant_homes (tenant, region) VALUES ($1, $2) ON CONFLICT (tenant) DO NOTHING`
	err := crdb.Idempotent(ctx, func(ctx context.Context) error {
		_, err := p.db.Pool().Exec(ctx, insert, tenant, region)
		return err
	})
	if err != nil {
		return fmt.Errorf("claim a tenant's home: %w", err)
	}
	return nil
}
