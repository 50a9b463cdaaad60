package epoch

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations creates the table redis_epoch.
func Migrations() crdb.Migrations { return crdb.Embedded("epoch", migrationFiles) }

// Row is a region's line of the table redis_epoch.
type Row struct {
	Epoch    int64
	Identity string
	Ready    bool
}

// Postgres keeps the epochs in the database.
type Postgres struct{ db *crdb.DB }

// NewPostgres makes the store over an open pool.
func NewPostgres(db *crdb.DB) *Postgres { return &Postgres{db} }

// Get reads the region's row. A region that never had one is the zero Row.
func (p *Postgres) Get(ctx context.Context, region string) (Row, error) {
	const query = `SELECT epoch, identity, ready FROM redis_epoch WHERE region = $1`
	var r Row
	err := p.db.Pool().QueryRow(ctx, query, region).Scan(&r.Epoch, &r.Identity, &r.Ready)
	if errors.Is(err, pgx.ErrNoRows) {
		return Row{}, nil
	}
	if err != nil {
		return Row{}, fmt.Errorf("read epoch of %s: %w", region, crdb.Fault(err))
	}
	return r, nil
}

// Advance makes identity the one that counts, unready, if the row still is at
// from, and tells whether it did; otherwise another process was first. The
// identity that was replaced last cannot come back for a minute: two halves of a
// split would otherwise take the region from each other without end. It returns
// ErrSecondRegion for a region that the database must not have.
func (p *Postgres) Advance(ctx context.Context, region string, from int64, identity string) (bool, error) {
	const create = `INSERT INTO redis_epoch (region, epoch, identity) SELECT $1::TEXT, 1, $2::TEXT
		WHERE NOT EXISTS (SELECT 1 FROM redis_epoch WHERE region <> $1) ON CONFLICT (region) DO NOTHING`
	const replace = `UPDATE redis_epoch
		SET epoch = epoch + 1, previous = identity, identity = $3, ready = false, changed_at = now()
		WHERE region = $1 AND epoch = $2 AND (previous <> $3 OR changed_at < now() - INTERVAL '60 seconds')`
	statement, args := replace, []any{region, from, identity}
	if from == 0 {
		statement, args = create, []any{region, identity}
	}
	tag, err := p.db.Pool().Exec(ctx, statement, args...)
	if err != nil {
		return false, fmt.Errorf("advance epoch of %s: %w", region, crdb.Fault(err))
	}
	if from == 0 && tag.RowsAffected() == 0 {
		return false, p.secondRegion(ctx, region)
	}
	return tag.RowsAffected() == 1, nil
}

// secondRegion tells a region that came too late from one that another process
// has just entered.
func (p *Postgres) secondRegion(ctx context.Context, region string) error {
	row, err := p.Get(ctx, region)
	if err == nil && row == (Row{}) {
		err = ErrNotReady.Because(ErrSecondRegion)
	}
	return err
}

// MarkReady opens an epoch for service, if it still is the current one.
func (p *Postgres) MarkReady(ctx context.Context, region string, epoch int64) error {
	const update = `UPDATE redis_epoch SET ready = true WHERE region = $1 AND epoch = $2 AND NOT ready`
	if _, err := p.db.Pool().Exec(ctx, update, region, epoch); err != nil {
		return fmt.Errorf("open epoch %d of %s: %w", epoch, region, crdb.Fault(err))
	}
	return nil
}
