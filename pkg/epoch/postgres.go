package epoch

import (
	"context"
	"embed"
	"fmt"

	"tandem.example/pkg/crdb"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations creates the table redis_epoch.
func Migrations() crdb.Migrations { return crdb.Embedded("epoch", migrationFiles) }

// Row is a region's line of the table redis_epoch.
type Row struct {
	Epoch    int64 // 0: there is no such line
	Identity string
	Ready    bool
	Others   []string // the regions of all other lines
}

// Postgres keeps the epochs in the database.
type Postgres struct{ db *crdb.DB }

// NewPostgres makes the store over an open pool.
func NewPostgres(db *crdb.DB) *Postgres { return &Postgres{db} }

// Get reads the region's row, and what other regions there are. A region that
// never had one has epoch 0.
func (p *Postgres) Get(ctx context.Context, region string) (Row, error) {
	const query = `SELECT region, epoch, identity, ready FROM redis_epoch ORDER BY region`
	fail := func(err error) (Row, error) {
		return Row{}, fmt.Errorf("read epoch of %s: %w", region, crdb.Fault(err))
	}
	rows, err := p.db.Pool().Query(ctx, query)
	if err != nil {
		return fail(err)
	}
	defer rows.Close()
	var found Row
	for rows.Next() {
		var name string
		var r Row
		if err := rows.Scan(&name, &r.Epoch, &r.Identity, &r.Ready); err != nil {
			return fail(err)
		}
		if name != region {
			found.Others = append(found.Others, name)
			continue
		}
		found.Epoch, found.Identity, found.Ready = r.Epoch, r.Identity, r.Ready
	}
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	return found, nil
}

// Advance makes identity the one that counts, unready, if the row still is at
// from, and tells whether it did; otherwise another process was first. The
// identity that was replaced last cannot come back for a minute: two halves of a
// split would otherwise take the region from each other without end. It returns
// ErrUnknownRegion for a new region if there are others than the peers: that they
// know it in turn is seen to by [Regions]. No two regions share a server: their
// numbers would meet in its keys.
func (p *Postgres) Advance(ctx context.Context, region string, from int64, identity string, peers []string) (bool, error) {
	const create = `INSERT INTO redis_epoch (region, epoch, identity) SELECT $1::TEXT, 1, $2::TEXT
		WHERE NOT EXISTS (SELECT 1 FROM redis_epoch WHERE region <> $1 AND (identity = $2 OR NOT (region = ANY($3::TEXT[]))))
		ON CONFLICT (region) DO NOTHING`
	const replace = `UPDATE redis_epoch
		SET epoch = epoch + 1, previous = identity, identity = $3, ready = false, changed_at = now()
		WHERE region = $1 AND epoch = $2 AND (previous <> $3 OR changed_at < now() - INTERVAL '60 seconds')
		AND NOT EXISTS (SELECT 1 FROM redis_epoch WHERE region <> $1 AND identity = $3)`
	statement, args := replace, []any{region, from, identity}
	if from == 0 {
		statement, args = create, []any{region, identity, append([]string{}, peers...)} // not NULL
	}
	tag, err := p.db.Pool().Exec(ctx, statement, args...)
	if err != nil {
		return false, fmt.Errorf("advance epoch of %s: %w", region, crdb.Fault(err))
	}
	if from == 0 && tag.RowsAffected() == 0 {
		return false, p.refused(ctx, region)
	}
	return tag.RowsAffected() == 1, nil
}

// refused tells a region that must not come from one that another process has
// just entered.
func (p *Postgres) refused(ctx context.Context, region string) error {
	row, err := p.Get(ctx, region)
	if err == nil && row.Epoch == 0 {
		err = ErrNotReady.Because(fmt.Errorf("%w: there are %v, and auth has to enter %s", ErrUnknownRegion, row.Others, region))
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
