package crdb

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver that goose needs
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"go.uber.org/zap"

	"tandem.example/pkg/env"
)

// Migrations is one owner's set of schema steps, kept in a version table of its
// own, <Name>_migrations. Each file holds one idempotent DDL statement, and only
// expands the schema, so that binaries one version apart run side by side; package
// crdbtest beside this one holds them to it.
type Migrations struct {
	Name string
	FS   fs.FS
}

// Embedded makes a set of the directory migrations that a package embeds.
func Embedded(name string, files embed.FS) Migrations {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // the directory is part of the binary
	}
	return Migrations{Name: name, FS: sub}
}

// Migrate brings the schema up to date, set by set in the order given. Several
// processes may run it at once: a lock kept in a table lets one of them work
// and the others find nothing left to do.
func Migrate(ctx context.Context, url env.Secret, log *zap.Logger, sets ...Migrations) (err error) {
	db, err := sql.Open("pgx", url.Reveal())
	if err != nil {
		return fmt.Errorf("DATABASE_URL: %w", errMalformed)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, set := range sets {
		applied, err := migrateSet(ctx, db, set)
		if err != nil {
			return fmt.Errorf("migrate %s: %w", set.Name, Fault(err))
		}
		log.Info("schema is up to date", zap.String("set", set.Name), zap.Int("applied", applied))
	}
	return nil
}

func migrateSet(ctx context.Context, db *sql.DB, set Migrations) (int, error) {
	locker, err := lock.NewPostgresTableLocker(lock.WithTableName("migration_lock"))
	if err != nil {
		return 0, err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, set.FS,
		goose.WithTableName(set.Name+"_migrations"), goose.WithLocker(locker),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return 0, err
	}
	results, err := provider.Up(ctx)
	return len(results), err
}

// Grant is what the SQL user of a running service may do with one table.
type Grant struct{ Table, Privileges string }

// GrantTo gives user its privileges, for installations where the schema's owner
// migrates and a user without DDL rights serves.
func GrantTo(ctx context.Context, url env.Secret, user string, grants ...Grant) (err error) {
	conn, err := pgx.Connect(ctx, url.Reveal())
	if err != nil {
		return fmt.Errorf("grant to %s: %w", user, Fault(err))
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	for _, g := range grants {
		statement := fmt.Sprintf("GRANT %s ON TABLE %s TO %s",
			g.Privileges, pgx.Identifier{g.Table}.Sanitize(), pgx.Identifier{user}.Sanitize())
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("grant %s on %s to %s: %w", g.Privileges, g.Table, user, Fault(err))
		}
	}
	return nil
}
