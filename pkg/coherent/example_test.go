package coherent_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"tandem.example/pkg/coherent"
	"tandem.example/pkg/crdb"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/fault"
)

// prices is a capability of some service: one price per article, read through
// the cache. The schema has the table prices and what [coherent.Migrations] and
// [epoch.Migrations] create.
type prices struct {
	cache *coherent.Cache
	db    *crdb.DB
}

var errUnknown = fault.New(fault.NotFound, "unknown_article", "there is no such article")

func cellOf(article string) coherent.Cell { return coherent.Cell("prices/" + article) }

// get costs one round trip to Redis, if the price is there.
func (p *prices) get(ctx context.Context, article string) (string, error) {
	entry, _, err := p.cache.Read(ctx, cellOf(article), func(ctx context.Context) (coherent.Entry, error) {
		var e coherent.Entry
		const query = `SELECT amount, version FROM prices WHERE article = $1`
		err := p.db.Pool().QueryRow(ctx, query, article).Scan(&e.Body, &e.Version)
		if errors.Is(err, pgx.ErrNoRows) {
			return e, errUnknown
		}
		return e, crdb.Fault(err)
	})
	return string(entry.Body), err
}

// set returns when no reader will see the old price any more. The row changes,
// and says so as an operation, in one statement that depends on the epoch.
func (p *prices) set(ctx context.Context, article, amount string) error {
	const statement = `WITH changed AS (
			UPDATE prices SET amount = $4, version = version + 1 WHERE article = $5
			AND EXISTS (SELECT 1 FROM redis_epoch WHERE region = $2 AND epoch = $3) RETURNING version)
		INSERT INTO operations (op_id, state, version) SELECT $1::UUID, 'committed', version FROM changed
		RETURNING version`
	_, err := p.cache.Write(ctx, coherent.Change{
		Item: cellOf(article),
		Run: func(ctx context.Context, op coherent.Operation) (coherent.Entry, error) {
			e := coherent.Entry{Body: []byte(amount)}
			err := p.db.Pool().QueryRow(ctx, statement, op.ID, op.Region, op.Epoch, amount, article).Scan(&e.Version)
			if errors.Is(err, pgx.ErrNoRows) {
				// Nothing was changed: there is no such article, or the epoch has moved.
				if _, err := p.get(ctx, article); err != nil {
					return e, err
				}
				return e, coherent.ErrAgain
			}
			return e, err
		},
		Recall: func(_ context.Context, _ coherent.Operation, version int64) (coherent.Entry, error) {
			return coherent.Entry{Version: version, Body: []byte(amount)}, nil
		},
	})
	return err
}

// A service of its own reads and writes prices through the cache.
func Example() {
	run := func(ctx context.Context, db *crdb.DB, epochs *epoch.Keeper) error {
		cache := coherent.New(coherent.Config{
			Region: "eu", Epochs: epochs, Arbiter: coherent.NewPostgres(db), Log: zap.NewNop(),
		})
		cache.Start() // what dead writers leave is cleared away
		p := &prices{cache, db}
		err := p.set(ctx, "hammer", "12.90")
		if err == nil {
			var amount string
			amount, err = p.get(ctx, "hammer")
			fmt.Println(amount)
		}
		return errors.Join(err, cache.Stop(ctx))
	}
	_ = run // needs a database and a Redis
}
