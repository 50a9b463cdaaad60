package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"tandem.example/pkg/devstack/internal/proc"
)

const readyWithin = 30 * time.Second // a busy machine, not a slow server

var errNoPostgres = errors.New("no PostgreSQL server found: neither on the PATH nor where packages put it")

// postgresConf replaces initdb's. Nothing but TLS over the loopback is listened
// to. Shared memory for parallel queries lies in the data directory, so that a
// killed server leaves none in /dev/shm.
const postgresConf = `listen_addresses = '127.0.0.1'
port = %d
unix_socket_directories = ''
ssl = on
ssl_cert_file = 'server.crt'
ssl_key_file = 'server.key'
ssl_min_protocol_version = 'TLSv1.2'
password_encryption = 'scram-sha-256'
default_transaction_isolation = 'serializable'
max_connections = 200
shared_buffers = 64MB
dynamic_shared_memory_type = mmap
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%%m [%%p] %%q%%u@%%d '
synchronous_commit = on
fsync = %s
full_page_writes = %s
`

// postgresAccess is the host-based access file: type, database, user, address,
// method.
const postgresAccess = "hostssl all all 127.0.0.1/32 scram-sha-256\n" //nolint:dupword // two columns

func (h *host) startPostgres(ctx context.Context, name string, o Options) (*database, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	port, err := h.freePort(ctx)
	if err != nil {
		return nil, err
	}
	d := newDatabase(name, "postgres", address(port), h.ca.CAFile())
	data := h.path(name, "data")
	if err := h.initPostgres(ctx, bin, data, d.passwords[d.owner]); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", name, err)
	}
	durable := "on"
	if o.Fast {
		durable = "off"
	}
	if err := h.give(data, map[string]string{
		"postgresql.conf": fmt.Sprintf(postgresConf, port, durable, durable),
		"pg_hba.conf":     postgresAccess,
	}); err != nil {
		return nil, err
	}
	err = h.table.Add(proc.Spec{
		Name: name, Path: filepath.Join(bin, "postgres"), Args: []string{"-D", data},
		Env: []string{"LC_ALL=C", "TZ=UTC"}, Dir: data, User: h.user, DataDir: data,
	})
	if err != nil {
		return nil, err
	}
	return d, errors.Join(h.bring(ctx, name, d.ready))
}

// initPostgres makes a data directory that belongs to the unprivileged user.
func (h *host) initPostgres(ctx context.Context, bin, data, password string) error {
	home := filepath.Dir(data)
	if err := errors.Join(os.Mkdir(home, 0o700), h.user.Own(home)); err != nil {
		return err
	}
	if err := h.give(home, map[string]string{"password": password + "\n"}); err != nil {
		return err
	}
	pwfile := filepath.Join(home, "password")
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), //nolint:gosec // the program that was found
		"-D", data, "--no-sync", "--no-instructions", "--locale=C", "--encoding=UTF8",
		"--auth=scram-sha-256", "--username=postgres", "--pwfile="+pwfile)
	cmd.Dir, cmd.Env = home, []string{"LC_ALL=C", "TZ=UTC", "PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: h.user.Credential(), Setpgid: true}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, strings.TrimSpace(string(out)))
	}
	cert, err1 := os.ReadFile(h.certFile)
	key, err2 := os.ReadFile(h.keyFile)
	return errors.Join(err1, err2, os.Remove(pwfile),
		h.give(data, map[string]string{"server.crt": string(cert), "server.key": string(key)}))
}

// give writes files that only the unprivileged user can read.
func (h *host) give(dir string, files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), h.user.Own(path)); err != nil {
			return err
		}
	}
	return nil
}

// bring starts a recorded program and waits until it answers.
func (h *host) bring(ctx context.Context, name string, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if err := h.table.Start(ctx, name); err != nil {
		return err
	}
	var last error
	err := proc.Await(ctx, func() (bool, error) {
		last = ready(ctx)
		return last == nil, h.table.Failed(name)
	})
	if err != nil {
		return fmt.Errorf("wait for %s: %w", name, errors.Join(err, last))
	}
	return nil
}

// postgresBin finds the directory with the newest server programs.
func postgresBin() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil && hasPostgres(filepath.Dir(path)) {
			return filepath.Dir(path), nil
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",                // Debian, Ubuntu
		"/opt/homebrew/opt/postgresql@*/bin",       // Homebrew on Apple silicon
		"/usr/local/opt/postgresql@*/bin",          // Homebrew on Intel
		"/usr/pgsql-*/bin", "/usr/local/pgsql/bin", // PGDG on Red Hat, from source
	} {
		dirs, _ := filepath.Glob(pattern) // the patterns are well-formed
		for _, dir := range slices.Backward(dirs) {
			if hasPostgres(dir) {
				return dir, nil
			}
		}
	}
	return "", errNoPostgres
}

func hasPostgres(dir string) bool {
	for _, name := range []string{"postgres", "initdb"} {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}
