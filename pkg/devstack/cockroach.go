package devstack

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/devstack/internal/proc"
)

func cockroachBin() (string, bool) {
	path, err := exec.LookPath("cockroach")
	return path, err == nil
}

// startCockroach starts one secure node. Only its root user exists at first,
// known by a client certificate; the owner is made through it.
func (h *host) startCockroach(ctx context.Context, bin, name string, _ Options) (*database, error) {
	sql, err := h.freePort(ctx)
	if err != nil {
		return nil, err
	}
	console, err := h.freePort(ctx)
	if err != nil {
		return nil, err
	}
	home := h.path(name)
	certs := filepath.Join(home, "certs")
	if err := errors.Join(os.Mkdir(home, 0o700), os.Mkdir(certs, 0o700), h.cockroachCerts(certs)); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", name, err)
	}
	err = h.table.Add(proc.Spec{
		Name: name, Path: bin,
		Args: []string{
			"start-single-node", "--certs-dir=" + certs, "--store=" + filepath.Join(home, "store"),
			"--listen-addr=" + address(sql), "--http-addr=" + address(console),
			"--cache=128MiB", "--max-sql-memory=128MiB", "--logtostderr=WARNING",
		},
		Env: []string{"HOME=" + home, "PATH=/usr/bin:/bin", "TZ=UTC"}, Dir: home,
	})
	if err != nil {
		return nil, err
	}
	d := newDatabase(name, "tandem_owner", address(sql), h.ca.CAFile())
	root := d.base
	root.User, root.Path = url.User("root"), "/defaultdb"
	q := root.Query()
	q.Set("sslcert", filepath.Join(certs, "client.root.crt"))
	q.Set("sslkey", filepath.Join(certs, "client.root.key"))
	root.RawQuery = q.Encode()
	return d, h.bring(ctx, name, func(ctx context.Context) error {
		return d.adopt(ctx, root.String())
	})
}

// adopt makes the owner as root; it may be repeated.
func (d *database) adopt(ctx context.Context, rootURL string) (err error) {
	conn, err := pgx.Connect(ctx, rootURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	for _, statement := range []string{
		fmt.Sprintf("CREATE USER IF NOT EXISTS %s WITH PASSWORD '%s'", d.owner, d.passwords[d.owner]),
		"GRANT admin TO " + d.owner,
		"CREATE DATABASE IF NOT EXISTS postgres", // some lines lack the maintenance database
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// cockroachCerts lays certificates out under the names and common names that
// the server looks for: ca.crt, node.crt (node), client.root.crt (root).
func (h *host) cockroachCerts(dir string) error {
	ca, err := os.ReadFile(h.ca.CAFile())
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), ca, 0o600); err != nil { //nolint:gosec // a directory that the stack made
		return err
	}
	for file, commonName := range map[string]string{"node": "node", "client.root": "root"} {
		cert, key, err := h.ca.Issue(file, commonName)
		if err != nil {
			return err
		}
		if err := errors.Join(
			os.Rename(cert, filepath.Join(dir, file+".crt")),
			os.Rename(key, filepath.Join(dir, file+".key")),
		); err != nil {
			return err
		}
	}
	return nil
}
