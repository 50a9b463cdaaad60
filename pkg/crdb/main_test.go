package crdb_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/env"
)

func TestMain(m *testing.M) { devstack.Main(m) }

// open gives a pool on a database of the test's own, and its owner's URL.
func open(t *testing.T) (*crdb.DB, env.Secret) {
	t.Helper()
	stack := devstack.T(t, devstack.Options{Database: true})
	url := env.Secret(stack.DatabaseURL)
	return openURL(t, url), url
}

func openURL(t *testing.T, url env.Secret) *crdb.DB {
	t.Helper()
	cfg := crdb.Config{URL: url, MaxConns: 8, ConnectTimeout: 3e9, StatementTimeout: 5e9, Application: "test"}
	db, err := crdb.Open(cfg, prometheus.NewRegistry(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func exec(t *testing.T, db *crdb.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.Pool().Exec(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
