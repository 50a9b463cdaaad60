package coherent

import (
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A statement that waits in the server, here for a lock, relies on an epoch that
// is raised by hand meanwhile, as the documentation says, in a session with the
// server's usual isolation. It must not take effect behind the new epoch's back.
func TestAnEpochRaisedByHandEndsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if w.stack.Database() == "cockroach" {
		return // has no such isolation, and tells nobody who waits for whom
	}
	writer, reader := w.process(), w.process()
	id := newID()
	reader.insert(t, id)
	before := reader.epoch(t).Number()
	hold, err := w.db.Pool().BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hold.Exec(t.Context(), `SELECT 1 FROM things WHERE id = $1 FOR UPDATE`, id); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		_, err := writer.Write(t.Context(), writer.change(id, "second"))
		written <- err
	}()
	eventually(t, "the statement waits", func() bool {
		const waiting = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
		var n int
		return w.db.Pool().QueryRow(t.Context(), waiting).Scan(&n) == nil && n == 1
	})
	w.raise(t)
	for _, p := range []*process{reader, writer} {
		eventually(t, "a later epoch is held", func() bool {
			e, err := p.keeper.Current()
			return err == nil && e.Number() > before
		})
	}
	if e, s := reader.read(t, id); e.Version != 1 || s != Miss {
		t.Fatalf("in the new epoch: version %d, %s", e.Version, s.Status("c"))
	}
	if err := hold.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if e, s := reader.read(t, id); e.Version != 2 {
		t.Errorf("after the write: version %d, %s", e.Version, s.Status("c"))
	}
}

// raise runs what docs/caching.md tells an operator to run.
func (w *world) raise(t *testing.T) {
	t.Helper()
	docs, err := os.ReadFile("../../docs/caching.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(docs), "```sql\n")
	statements, _, found := strings.Cut(after, "```")
	if !found {
		t.Fatal("no statements")
	}
	console, err := pgxpool.New(t.Context(), w.stack.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer console.Close()
	err = console.AcquireFunc(t.Context(), func(conn *pgxpool.Conn) error {
		if _, err := conn.Exec(t.Context(), `SET default_transaction_isolation = 'read committed'`); err != nil {
			return err
		}
		// All in one message, as a console does not send them; that makes no difference.
		_, err := conn.Conn().PgConn().Exec(t.Context(), strings.ReplaceAll(statements, "<REGION>", "here")).ReadAll()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
