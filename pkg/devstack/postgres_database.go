package devstack

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
)

// database is a server that speaks PostgreSQL's protocol.
type database struct {
	server    string // its process; empty if somebody else runs it
	owner     string
	passwords map[string]string // by SQL user
	base      url.URL           // with the database that others are made from
}

func newDatabase(server, owner, address, caFile string) *database {
	return &database{
		server: server, owner: owner,
		passwords: map[string]string{owner: secret(), "tandem_auth": secret(), "tandem_resources": secret()},
		base: url.URL{
			Scheme: "postgres", Host: address, Path: "/postgres",
			RawQuery: "sslmode=verify-full&sslrootcert=" + (&url.URL{Path: caFile}).EscapedPath(),
		},
	}
}

// external is a server that somebody else runs, with the one user of its URL.
func external(raw string) (*database, error) {
	u, err := url.Parse(raw)
	if err != nil || u.User == nil {
		return nil, errors.New("the database URL must be a URL that names a user")
	}
	password, _ := u.User.Password()
	d := &database{owner: u.User.Username(), base: *u}
	d.passwords = map[string]string{d.owner: password}
	return d, nil
}

func (d *database) url(user, name string) string {
	u := d.base
	u.User, u.Path = url.UserPassword(user, d.passwords[user]), "/"+name
	return u.String()
}

// ready is nil once the server answers its owner.
func (d *database) ready(ctx context.Context) error {
	return d.exec(ctx, "SELECT 1")
}

// addUsers makes the services' SQL users.
func (d *database) addUsers(ctx context.Context) error {
	for user, password := range d.passwords {
		if user == d.owner {
			continue
		}
		// Names and passwords are our own and need no quoting; neither can be a parameter.
		if err := d.exec(ctx, fmt.Sprintf("CREATE USER %s WITH PASSWORD '%s'", user, password)); err != nil {
			return fmt.Errorf("create user %s: %w", user, err)
		}
	}
	return nil
}

func (d *database) create(ctx context.Context, name string) error {
	if err := d.exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	return nil
}

// drop also works while somebody is still connected.
func (d *database) drop(ctx context.Context, name string) error {
	quoted := pgx.Identifier{name}.Sanitize()
	err := d.exec(ctx, "DROP DATABASE "+quoted+" WITH (FORCE)")
	if err != nil { // CockroachDB has no FORCE and needs none
		err = d.exec(ctx, "DROP DATABASE "+quoted+" CASCADE")
	}
	return err
}

// exec runs one statement as the owner, outside of any stack's own database.
func (d *database) exec(ctx context.Context, statement string) (err error) {
	conn, err := pgx.Connect(ctx, d.url(d.owner, strings.TrimPrefix(d.base.Path, "/")))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

// startDatabase uses the external server, or starts CockroachDB if there is a
// binary, or else PostgreSQL. The suffix tells several in one stack apart.
func (h *host) startDatabase(ctx context.Context, suffix string, o Options) (d *database, err error) {
	if o.DatabaseURL != "" {
		return external(o.DatabaseURL)
	}
	if bin, ok := cockroachBin(); ok {
		d, err = h.startCockroach(ctx, bin, "cockroach"+suffix, o)
	} else {
		d, err = h.startPostgres(ctx, "postgres"+suffix, o)
	}
	if err != nil {
		return nil, err
	}
	return d, d.addUsers(ctx)
}
