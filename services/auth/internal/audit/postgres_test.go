package audit_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap/zaptest"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/env"
	"tandem.example/services/auth/internal/audit"
	"tandem.example/services/auth/migrations"
)

func TestMain(m *testing.M) { devstack.Main(m) }

func open(t *testing.T) *crdb.DB {
	t.Helper()
	url := env.Secret(devstack.T(t, devstack.Options{Database: true}).DatabaseURL)
	if err := crdb.Migrate(t.Context(), url, zaptest.NewLogger(t), migrations.Set()); err != nil {
		t.Fatal(err)
	}
	db, err := crdb.Open(crdb.Config{URL: url, MaxConns: 4, ConnectTimeout: 3 * time.Second, StatementTimeout: 5 * time.Second}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

var errChange = errors.New("the change failed")

func TestAnEventIsThereExactlyIfItsChangeIs(t *testing.T) {
	t.Parallel()
	db := open(t)
	kept := audit.New(t.Context(), audit.Event{Type: audit.UserCreate, Subject: "kept"})
	lost := audit.New(t.Context(), audit.Event{Type: audit.UserCreate, Subject: "lost"})
	for _, change := range []struct {
		event audit.Event
		fails error
	}{{kept, nil}, {lost, errChange}} {
		err := crdb.InTx(t.Context(), db, func(tx pgx.Tx) error {
			if err := audit.Write(t.Context(), tx, change.event); err != nil {
				return err
			}
			return change.fails
		})
		if !errors.Is(err, change.fails) {
			t.Fatal(err)
		}
	}
	refused := audit.New(t.Context(), audit.Event{Type: audit.ClientRefused, Reason: "invalid_client"})
	for range 2 { // an outcome that was not heard is repeated
		if err := audit.NewLog(db).Record(t.Context(), refused); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := db.Pool().Query(t.Context(), `SELECT id::text FROM audit ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0] != kept.ID.String() || got[1] != refused.ID.String() {
		t.Errorf("events %v, want that of the change that took effect and the refusal", got)
	}
}
