package devstack_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/certs"
)

func connect(t *testing.T, raw string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func TestDatabaseIsSerializableAndEncrypted(t *testing.T) {
	t.Parallel()
	s := devstack.T(t, devstack.Options{Database: true})
	conn := connect(t, s.DatabaseURL)
	var isolation string
	if err := conn.QueryRow(t.Context(), "SHOW default_transaction_isolation").Scan(&isolation); err != nil {
		t.Fatal(err)
	}
	if isolation != "serializable" {
		t.Fatalf("isolation is %s", isolation)
	}
	stranger, err := certs.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*url.URL){
		"plain text":     func(u *url.URL) { u.RawQuery = "sslmode=disable" },
		"unknown CA":     func(u *url.URL) { u.RawQuery = "sslmode=verify-full&sslrootcert=" + stranger.CAFile() },
		"wrong password": func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "no") },
		"no password":    func(u *url.URL) { u.User = url.User(u.User.Username()) },
	} {
		u, err := url.Parse(s.DatabaseURL)
		if err != nil {
			t.Fatal(err)
		}
		spoil(u)
		conn, err := pgx.Connect(t.Context(), u.String())
		if err == nil {
			_ = conn.Close(t.Context())
			t.Errorf("%s is let in", name)
		}
	}
}

func TestEachTestHasItsOwnDatabase(t *testing.T) {
	t.Parallel()
	one, two := devstack.T(t, devstack.Options{Database: true}), devstack.T(t, devstack.Options{Database: true})
	for _, s := range []*devstack.Stack{one, two} { // fails the second time in a shared database
		if _, err := connect(t, s.DatabaseURL).Exec(t.Context(), "CREATE TABLE mine (id INT8 PRIMARY KEY)"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestServiceUsersHaveOnlyGrantedRights(t *testing.T) {
	t.Parallel()
	s := devstack.T(t, devstack.Options{Database: true})
	if s.DatabaseUser(devstack.Resources) == "" {
		t.Skip("an external database has one user")
	}
	owner, service := connect(t, s.DatabaseURL), connect(t, s.DatabaseURLFor(devstack.Resources))
	if _, err := owner.Exec(t.Context(), "CREATE TABLE things (id INT8 PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	refused := func(statement string) {
		t.Helper()
		_, err := service.Exec(t.Context(), statement)
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "42501" {
			t.Errorf("%s: %v", statement, err)
		}
	}
	refused("SELECT id FROM things")
	refused("CREATE TABLE other (id INT8 PRIMARY KEY)")
	if _, err := owner.Exec(t.Context(), "GRANT SELECT ON TABLE things TO "+s.DatabaseUser(devstack.Resources)); err != nil {
		t.Fatal(err)
	}
	if _, err := service.Exec(t.Context(), "SELECT id FROM things"); err != nil {
		t.Fatal(err)
	}
	refused("DELETE FROM things")
}

func TestKilledDatabaseComesBackWithItsData(t *testing.T) {
	t.Parallel()
	s := devstack.T(t, devstack.Options{OwnDatabase: true})
	conn := connect(t, s.DatabaseURL)
	for _, statement := range []string{"CREATE TABLE kept (id INT8 PRIMARY KEY)", "INSERT INTO kept VALUES (7)"} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	before, err := s.PID(s.Database())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(s.Database()); err != nil {
		t.Fatal(err)
	}
	if _, err := pgx.Connect(t.Context(), s.DatabaseURL); err == nil {
		t.Fatal("a killed server answers")
	}
	if err := s.Start(t.Context(), s.Database()); err != nil {
		t.Fatal(err)
	}
	after, err := s.PID(s.Database())
	if err != nil || after == before {
		t.Fatalf("pid %d, then %d: %v", before, after, err)
	}
	var id int
	if err := connect(t, s.DatabaseURL).QueryRow(t.Context(), "SELECT id FROM kept").Scan(&id); err != nil || id != 7 {
		t.Fatalf("got %d: %v", id, err)
	}
}

func TestSharedServersCannotBeKilled(t *testing.T) {
	t.Parallel()
	s := devstack.T(t, devstack.Options{Database: true, Redis: true, NATS: true})
	for _, name := range []string{"postgres", "redis", "nats"} {
		if err := s.Kill(name); err == nil || !strings.Contains(err.Error(), "Own") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPausedDatabaseGoesOn(t *testing.T) {
	t.Parallel()
	s := devstack.T(t, devstack.Options{OwnDatabase: true})
	conn := connect(t, s.DatabaseURL)
	if err := s.Pause(s.Database()); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		_, err := conn.Exec(t.Context(), "SELECT 1")
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Errorf("a paused server answers: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if err := errors.Join(s.Resume(s.Database()), <-answered); err != nil {
		t.Error(err)
	}
}
