package relay

import (
	"bytes"
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
)

// keySlices is in how many parts the keys of requests are looked through, one at each
// tidying: their index is the only one that tells the few rows that have a key from
// the many that have none. So all are seen in little more than an hour.
const keySlices = 64

// expire takes the keys that are older than a day off their rows, and the answers
// that were kept with them, which hold what the clients wrote. It looks at one part
// of all keys, the digests, and tells whether it would find more.
func (s store) expire(ctx context.Context, slice byte, limit int) (more bool, err error) {
	const width = 256 / keySlices
	const old = `SELECT op_id FROM operations WHERE idempotency_key >= $1 AND idempotency_key <= $2
		AND created_at < now() - INTERVAL '24 hours' LIMIT $3`
	const expire = `UPDATE operations SET idempotency_key = NULL, idempotency_request = NULL, idempotency_answer = NULL
		WHERE op_id = ANY($1)`
	first := []byte{slice * width}
	last := append([]byte{slice*width + width - 1}, bytes.Repeat([]byte{0xff}, 32)...)
	err = crdb.Idempotent(ctx, func(ctx context.Context) error {
		rows, err := s.db.Pool().Query(ctx, old, first, last, limit)
		if err != nil {
			return err
		}
		expired, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil || len(expired) == 0 {
			return err
		}
		more = len(expired) == limit
		_, err = s.db.Pool().Exec(ctx, expire, expired)
		return err
	})
	return more, err
}
