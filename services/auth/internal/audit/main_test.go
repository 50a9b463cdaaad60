package audit

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.uber.org/zap/zaptest"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/leak"
	"tandem.example/pkg/env"
	"tandem.example/services/auth/migrations"
)

const patience = 2 * time.Minute

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childRole {
		os.Exit(child(os.Args[2:]))
	}
	leak.Main(devstack.Tests{M: m})
}

func openDB(url string) (*crdb.DB, error) {
	return crdb.Open(crdb.Config{
		URL: env.Secret(url), MaxConns: 8, ConnectTimeout: time.Minute, StatementTimeout: 20 * time.Second,
	}, nil, nil)
}

// world is a database with the service's tables.
type world struct {
	t     *testing.T
	stack *devstack.Stack
	db    *crdb.DB // the owner's
}

func newWorld(t *testing.T, o devstack.Options) *world {
	t.Helper()
	o.Database = true
	w := &world{t: t, stack: devstack.T(t, o)}
	if err := crdb.Migrate(t.Context(), env.Secret(w.stack.DatabaseURL), zaptest.NewLogger(t), migrations.Set()); err != nil {
		t.Fatal(err)
	}
	w.db = w.open(w.stack.DatabaseURL)
	return w
}

func (w *world) open(url string) *crdb.DB {
	w.t.Helper()
	db, err := openDB(url)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(db.Close)
	return db
}

func (w *world) exec(statement string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Pool().Exec(w.t.Context(), statement, args...); err != nil {
		w.t.Fatal(err)
	}
}

// ids are those of the rows that a condition is true of, in order.
func (w *world) ids(condition string, args ...any) []uuid.UUID {
	w.t.Helper()
	rows, err := w.db.Pool().Query(w.t.Context(), `SELECT id FROM audit WHERE `+condition+` ORDER BY id`, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		w.t.Fatal(err)
	}
	return ids
}

// store writes events as a batch does.
func (w *world) store(events ...Event) []Event {
	w.t.Helper()
	if err := NewLog(w.db, quiet{}).Store(w.t.Context(), events); err != nil {
		w.t.Fatal(err)
	}
	return events
}

func (w *world) eventually(what string, true func() bool) {
	w.t.Helper()
	tick, deadline := time.NewTicker(5*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for !true() {
		select {
		case <-deadline:
			w.t.Fatalf("in vain: %s", what)
		case <-tick.C:
		}
	}
}

// many makes events of every type.
func many(ctx context.Context, n int) []Event {
	events := make([]Event, n)
	for i := range events {
		events[i] = New(ctx, Event{
			Type: types()[i%len(types())], Actor: "admin", Subject: "user", ClientID: "client", SessionID: uuid.NewString(),
			Detail: map[string]string{"of": "a test"},
		})
		events[i].Outcome = Success
	}
	return events
}

type quiet struct{}

func (quiet) Nudge(...uuid.UUID) {}
