package crdb_test

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/env"
)

// While a primary is away the addresses after it may lead to a standby, which has
// what was committed a while ago and answers no SERIALIZABLE statement. A
// connection to it would be kept for as long as any other, whoever is back.
func TestAStandbyIsPassedOver(t *testing.T) {
	t.Parallel()
	standby, primary := own(t), own(t)
	if standby.Database() != "postgres" {
		return // CockroachDB has none
	}
	demote(t, standby)
	db := visit(t, address(t, standby))
	_, err := db.Pool().Exec(t.Context(), `SELECT 1`)
	if got := crdb.Fault(err); !errors.Is(got, crdb.ErrUnavailable) {
		t.Errorf("a standby alone: %v", got)
	}
	db = visit(t, address(t, standby)+","+address(t, primary))
	exec(t, db, `SELECT 1`)
}

// visit opens a pool on servers of which each knows the visitor.
func visit(t *testing.T, addresses string) *crdb.DB {
	t.Helper()
	stack := devstack.T(t, devstack.Options{})
	return openURL(t, env.Secret("postgres://visitor:secret@"+addresses+"/postgres?sslmode=verify-full&sslrootcert="+stack.CAFile))
}

func own(t *testing.T) *devstack.Stack {
	t.Helper()
	stack := devstack.T(t, devstack.Options{OwnDatabase: true})
	if stack.Database() == "postgres" {
		exec(t, openURL(t, env.Secret(stack.DatabaseURL)), `CREATE USER visitor PASSWORD 'secret'`)
	}
	return stack
}

func address(t *testing.T, stack *devstack.Stack) string {
	t.Helper()
	u, err := url.Parse(stack.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// demote makes a primary a standby that follows nobody.
func demote(t *testing.T, stack *devstack.Stack) {
	t.Helper()
	var dir string
	err := openURL(t, env.Secret(stack.DatabaseURL)).Pool().QueryRow(t.Context(), `SHOW data_directory`).Scan(&dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := stack.Stop("postgres"); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		"standby.signal":       "",
		"postgresql.auto.conf": "default_transaction_isolation = 'read committed'\n", // for those who wait until it answers
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := stack.Start(t.Context(), "postgres"); err != nil {
		t.Fatal(err)
	}
}
