package relay

import (
	"context"
	"embed"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/invalidation"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations creates the table relay_leases, and an index of the table operations
// without which a backlog could not be worked off. That table belongs to those
// who write it: their migrations come first.
func Migrations() crdb.Migrations { return crdb.Embedded("relay", migrationFiles) }

// Grants is what the SQL user of a service that runs a relay needs.
func Grants() []crdb.Grant {
	return []crdb.Grant{{Table: "operations", Privileges: "SELECT, UPDATE, DELETE"}, {Table: "relay_leases", Privileges: "SELECT, UPDATE"}}
}

// row is a change to announce.
type row struct {
	id      uuid.UUID
	version int64
	event   []byte
	created time.Time
}

// store is the outbox. Each of its statements may take effect twice without
// harm, so contention and lost connections are ridden out.
type store struct{ db *crdb.DB }

// claim takes the shards that nobody holds and renews those that are held.
func (s store) claim(ctx context.Context, holder string, d time.Duration) ([]int64, error) {
	const claim = `UPDATE relay_leases SET holder = $1, lease_until = now() + $2::INT8 * INTERVAL '1 millisecond'
		WHERE lease_until < now() OR holder = $1 RETURNING shard`
	var shards []int64
	err := crdb.Idempotent(ctx, func(ctx context.Context) error {
		rows, err := s.db.Pool().Query(ctx, claim, holder, d.Milliseconds())
		if err != nil {
			return err
		}
		shards, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	return shards, err
}

func (s store) release(ctx context.Context, holder string) error {
	const release = `UPDATE relay_leases SET holder = '', lease_until = now() - INTERVAL '1 second' WHERE holder = $1`
	return crdb.Idempotent(ctx, func(ctx context.Context) error {
		_, err := s.db.Pool().Exec(ctx, release, holder)
		return err
	})
}

// waiting lists the subjects of the oldest unpublished rows of each shard,
// leaving out those that are blocked.
func (s store) waiting(ctx context.Context, shards []int64, blocked []string, limit int) ([]string, error) {
	const oldest = `SELECT subject FROM operations
		WHERE published = false AND shard = $1 AND state = 'committed' AND NOT (subject = ANY($2))
		ORDER BY created_at, op_id LIMIT $3`
	var subjects []string
	err := crdb.Idempotent(ctx, func(ctx context.Context) error {
		subjects = nil
		seen := map[string]bool{}
		var batch pgx.Batch
		for _, shard := range shards {
			batch.Queue(oldest, shard, blocked, limit).Query(func(rows pgx.Rows) error {
				found, err := pgx.CollectRows(rows, pgx.RowTo[string])
				for _, subject := range found {
					if !seen[subject] {
						seen[subject] = true
						subjects = append(subjects, subject)
					}
				}
				return err
			})
		}
		return s.db.Pool().SendBatch(ctx, &batch).Close()
	})
	return subjects, err
}

// unpublished reads the lowest unpublished versions of each subject. One
// statement reads one subject, so that no version below those it returns can be
// missing.
func (s store) unpublished(ctx context.Context, subjects []string, limit int) (map[string][]row, error) {
	const lowest = `SELECT op_id, version, event, created_at FROM operations
		WHERE published = false AND subject = $1 AND state = 'committed'
		ORDER BY version LIMIT $2`
	var found map[string][]row
	err := crdb.Idempotent(ctx, func(ctx context.Context) error {
		found = make(map[string][]row, len(subjects))
		var batch pgx.Batch
		for _, subject := range subjects {
			batch.Queue(lowest, subject, limit).Query(func(rows pgx.Rows) error {
				list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (row, error) {
					var w row
					return w, r.Scan(&w.id, &w.version, &w.event, &w.created)
				})
				if len(list) > 0 {
					found[subject] = list
				}
				return err
			})
		}
		return s.db.Pool().SendBatch(ctx, &batch).Close()
	})
	return found, err
}

// mark notes in one statement that changes are announced and returns how long
// each took. Those that another relay has marked are not among them.
func (s store) mark(ctx context.Context, ids []uuid.UUID) ([]time.Duration, error) {
	const mark = `UPDATE operations SET published = true, published_at = now()
		WHERE op_id = ANY($1) AND published = false RETURNING created_at, published_at`
	var lags []time.Duration
	err := crdb.Idempotent(ctx, func(ctx context.Context) error {
		rows, err := s.db.Pool().Query(ctx, mark, ids)
		if err != nil {
			return err
		}
		lags, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (time.Duration, error) {
			var created, published time.Time
			err := r.Scan(&created, &published)
			return published.Sub(created), err
		})
		return err
	})
	return lags, err
}

// backlog counts what is not announced, up to a bound for each shard, and tells
// how old the oldest of it is.
func (s store) backlog(ctx context.Context) (pending int, age time.Duration, err error) {
	const oldest = `SELECT count(*), min(created_at), now() FROM (SELECT created_at FROM operations
		WHERE published = false AND shard = $1 AND state = 'committed'
		ORDER BY created_at, op_id LIMIT 1000) AS waiting`
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		pending, age = 0, 0
		var batch pgx.Batch
		for shard := range int64(invalidation.Shards) {
			batch.Queue(oldest, shard).QueryRow(func(r pgx.Row) error {
				var count int
				var first *time.Time
				var now time.Time
				if err := r.Scan(&count, &first, &now); err != nil {
					return err
				}
				pending += count
				if first != nil {
					age = max(age, now.Sub(*first))
				}
				return nil
			})
		}
		return s.db.Pool().SendBatch(ctx, &batch).Close()
	})
	if err != nil {
		return 0, 0, fmt.Errorf("read backlog: %w", err)
	}
	return pending, age, nil
}

// oldest tells how long ago the oldest change was begun that is not announced.
func (s store) oldest(ctx context.Context) (age time.Duration, err error) {
	const query = `SELECT created_at, now() FROM operations WHERE published = false AND shard = $1 AND state = 'committed'
		ORDER BY created_at, op_id LIMIT 1`
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		age = 0
		var batch pgx.Batch
		for shard := range int64(invalidation.Shards) {
			batch.Queue(query, shard).Query(func(rows pgx.Rows) error {
				var began, now time.Time
				_, err := pgx.ForEachRow(rows, []any{&began, &now}, func() error {
					age = max(age, now.Sub(began))
					return nil
				})
				return err
			})
		}
		return s.db.Pool().SendBatch(ctx, &batch).Close()
	})
	if err != nil {
		return 0, fmt.Errorf("read outbox: %w", err)
	}
	return age, nil
}

// finished is a row that nothing remains to be done about.
type finished struct {
	ID  uuid.UUID
	Old bool // for long enough
}

// tidy looks at the oldest rows of a shard, deletes those whose work was done
// longer ago than keep, and tells whether it would find more. What is not
// published is not looked at. It reads first, so that nothing is locked but what
// goes, and a row that was taken back meanwhile stays.
func (s store) tidy(ctx context.Context, shard int64, keep time.Duration, limit int) (deleted int64, more bool, err error) {
	const oldest = `SELECT op_id, published_at IS NULL OR published_at < now() - $2::INT8 * INTERVAL '1 second' FROM operations
		WHERE published = true AND shard = $1 AND created_at < now() - $2::INT8 * INTERVAL '1 second'
		ORDER BY created_at, op_id LIMIT $3`
	const remove = `DELETE FROM operations WHERE op_id = ANY($1) AND published = true`
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		rows, err := s.db.Pool().Query(ctx, oldest, shard, int64(keep.Seconds()), limit)
		if err != nil {
			return err
		}
		looked, err := pgx.CollectRows(rows, pgx.RowToStructByPos[finished])
		if err != nil {
			return err
		}
		var done []uuid.UUID
		for _, row := range looked {
			if row.Old {
				done = append(done, row.ID)
			}
		}
		more = len(looked) == limit && len(done) > 0
		if len(done) == 0 {
			return nil
		}
		tag, err := s.db.Pool().Exec(ctx, remove, done)
		deleted += tag.RowsAffected()
		return err
	})
	return deleted, more, err
}
