package crdb_test

import (
	"net/url"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap/zaptest"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/env"
)

func set(name string, statements ...string) crdb.Migrations {
	fs := fstest.MapFS{}
	for i, s := range statements {
		fs[string(rune('1'+i))+"_step.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + s + ";\n")}
	}
	return crdb.Migrations{Name: name, FS: fs}
}

func TestMigrateOnceWhoeverRunsIt(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	// Without the lock the second of these fails or inserts twice.
	one := set("one", `CREATE TABLE a (id INT8 PRIMARY KEY)`, `INSERT INTO a VALUES (1)`)
	two := set("two", `CREATE TABLE b (id INT8 PRIMARY KEY)`)
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			if err := crdb.Migrate(t.Context(), url, zaptest.NewLogger(t), one, two); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	more := set("one", `CREATE TABLE a (id INT8 PRIMARY KEY)`, `INSERT INTO a VALUES (1)`, `INSERT INTO a VALUES (2)`)
	if err := crdb.Migrate(t.Context(), url, zaptest.NewLogger(t), more, two); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM a`).Scan(&n); err != nil || n != 2 {
		t.Fatalf("%d rows (%v)", n, err)
	}
}

func TestGrantToServesWithoutOwning(t *testing.T) {
	t.Parallel()
	db, owner := open(t)
	exec(t, db, `CREATE TABLE a (id INT8 PRIMARY KEY)`)
	exec(t, db, `CREATE TABLE b (id INT8 PRIMARY KEY)`)
	u, err := url.Parse(owner.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	user := u.Path[1:] + "_server" // roles are the server's, so the name must be this database's own
	exec(t, db, `CREATE USER `+pgx.Identifier{user}.Sanitize()+` WITH PASSWORD 'not-kept-anywhere'`)
	t.Cleanup(func() { dropUser(t, owner, user) })
	if err := crdb.GrantTo(t.Context(), owner, user, crdb.Grant{Table: "a", Privileges: "SELECT, INSERT"}); err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, "not-kept-anywhere")
	served := openURL(t, env.Secret(u.String()))
	exec(t, served, `INSERT INTO a VALUES (1)`)
	for _, forbidden := range []string{`DELETE FROM a`, `SELECT * FROM b`, `DROP TABLE a`} {
		if _, err := served.Pool().Exec(t.Context(), forbidden); err == nil {
			t.Errorf("%s was allowed", forbidden)
		}
	}
}

func dropUser(t *testing.T, owner env.Secret, user string) {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, owner.Reveal())
	if err != nil {
		return // the database is gone, and with it the grants
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing follows
	_, _ = conn.Exec(ctx, `DROP OWNED BY `+pgx.Identifier{user}.Sanitize())
	_, _ = conn.Exec(ctx, `DROP USER `+pgx.Identifier{user}.Sanitize())
}
