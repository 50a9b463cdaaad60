package chaos

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
)

// truth is what the database holds when all is over.
type truth struct {
	committed   map[string]map[int64]bool // subject → versions
	live        map[string]bool           // ids and names of the resources that there are
	versions    map[string]int64          // id → version, of those that there are
	created     map[string]string         // id → first name of all that there ever were, as is kept beside their keys
	unpublished int
	aborted     int
	slow        bool // events still were coming when it was read
}

func readTruth(ctx context.Context, url string) (t truth, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	t.committed, t.live, t.versions, t.created = map[string]map[int64]bool{}, map[string]bool{}, map[string]int64{}, map[string]string{}
	rows, err := conn.Query(ctx, `SELECT state, subject, COALESCE(version, 0), published,
		COALESCE(NULLIF(idempotency_answer, '')::JSONB->>'name', '') FROM operations`)
	if err != nil {
		return t, err
	}
	var state, subject, id, name string
	var version int64
	var published bool
	_, err = pgx.ForEachRow(rows, []any{&state, &subject, &version, &published, &name}, func() error {
		if state == "aborted" {
			t.aborted++
			return nil
		}
		if !published {
			t.unpublished++
		}
		if t.committed[subject] == nil {
			t.committed[subject] = map[int64]bool{}
		}
		t.committed[subject][version] = true
		if _, id, ok := strings.Cut(subject, "."); ok && version == 1 {
			t.created[id] = name
		}
		return nil
	})
	if err = errors.Join(err, rows.Err()); err != nil {
		return t, err
	}
	if rows, err = conn.Query(ctx, "SELECT id::TEXT, name, version FROM resources"); err != nil {
		return t, err
	}
	_, err = pgx.ForEachRow(rows, []any{&id, &name, &version}, func() error {
		t.live[id], t.live[name] = true, true
		t.versions[id] = version
		return nil
	})
	return t, errors.Join(err, rows.Err())
}

const (
	// loosen gives the least isolation to connections that ask for none.
	loosen     = `ALTER DATABASE tandem SET default_transaction_isolation TO 'read committed'`
	refuseSome = `CREATE OR REPLACE FUNCTION chaos_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF random() < 0.3 THEN RAISE EXCEPTION 'chaos' USING ERRCODE = '40001'; END IF;
			RETURN NULL;
		END $$;
		CREATE OR REPLACE TRIGGER chaos_refuse AFTER INSERT OR UPDATE OR DELETE ON resources
			FOR EACH ROW EXECUTE FUNCTION chaos_refuse()`
	refuseNone = `DROP TRIGGER IF EXISTS chaos_refuse ON resources`
)

// execute runs statements as the owner of the schema.
func execute(ctx context.Context, url, statements string) (err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	_, err = conn.Exec(ctx, statements)
	return err
}

// isolation is what the server gives to those who ask for none in particular.
func isolation(ctx context.Context, url string) (level string, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	err = conn.QueryRow(ctx, "SHOW default_transaction_isolation").Scan(&level)
	return level, err
}

// awaitAudit waits until auth has announced its audit log, and tells how much of it
// is left.
func awaitAudit(ctx context.Context, url string) (left int, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	for began := time.Now(); ; {
		err = crdb.Idempotent(ctx, func(ctx context.Context) error {
			return conn.QueryRow(ctx, "SELECT count(*) FROM audit WHERE NOT published").Scan(&left)
		})
		if err != nil || left == 0 || time.Since(began) > settlePatience || !pause(ctx, 100*time.Millisecond) {
			return left, err
		}
	}
}
