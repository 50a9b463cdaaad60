package audit

import (
	"context"
	"fmt"
	"time"

	"tandem.example/pkg/crdb"
)

// Prune deletes the oldest of the entries that are older than keep and that have
// been announced, at most limit, and tells how many they were. The database says
// what time it is: an instance whose clock is ahead must not delete everything.
func (l *Log) Prune(ctx context.Context, keep time.Duration, limit int) (deleted int64, err error) {
	const prune = `DELETE FROM audit WHERE id IN
		(SELECT id FROM audit WHERE published = true AND id < $1 ORDER BY id LIMIT $2)`
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		var now time.Time
		if err := l.db.Pool().QueryRow(ctx, `SELECT now()`).Scan(&now); err != nil {
			return err
		}
		tag, err := l.db.Pool().Exec(ctx, prune, floorOf(now.Add(-keep)), limit)
		deleted = tag.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("prune audit: %w", err)
	}
	return deleted, nil
}
