package app_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// program runs the service's own program with exactly this environment.
func program(ctx context.Context, t *testing.T, variables map[string]string, command string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self, command)
	cmd.Env = []string{asProgram + "=1"}
	for name, value := range variables {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	return cmd, &said
}

func TestSIGTERMUnderLoadDropsNothing(t *testing.T) {
	t.Parallel()
	w, other, _ := serving(t)
	by := w.caller(t)
	path, _ := other.create(t, by, `{"type":"counter","name":"n"}`)

	public, admin := w.freeAddress(t), w.freeAddress(t)
	w.env = with(w.env, "HTTP_ADDR", public, "ADMIN_ADDR", admin, "HTTP_DRAIN_DELAY", "300ms")
	cmd, said := program(t.Context(), t, w.env, "run")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	i := w.reach(t, "https://"+public, "https://"+admin)
	i.await(t, "", patience)

	var answered, written atomic.Int64
	var load sync.WaitGroup
	defer load.Wait() // it reports to this test
	stopped := make(chan struct{})
	for n := range 6 {
		load.Go(func() {
			for {
				method, body := "GET", ""
				if n%3 == 0 {
					method, body = "PATCH", `{"attributes":{"n":`+strconv.Itoa(n)+`}}`
				}
				got, err := i.try(t, by, method, path, body)
				switch {
				case errors.Is(err, syscall.ECONNREFUSED):
					return // it takes no more
				case err != nil:
					t.Errorf("%s was dropped: %v", method, err)
					return
				case got.status != 200:
					t.Errorf("%s: %d %s", method, got.status, got.body)
					return
				}
				if answered.Add(1); method == "PATCH" {
					written.Add(1)
				}
				select {
				case <-stopped:
					t.Error("it still answers after its end")
					return
				default:
				}
			}
		})
	}
	eventually(t, patience, "there is load", func() (bool, string) { return written.Load() > 20, "" })
	answers, release := w.hold(t, i, by)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	load.Wait() // nothing is accepted any more, and what was held is still to be answered
	release()
	for _, got := range answers() {
		got.is(t, 200, "")
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v: %s", err, said)
	}
	close(stopped)
	// Every acknowledged write is there, and none twice.
	if got := other.call(t, by, "GET", path, "").resource(t); got.Version != written.Load()+1 {
		t.Errorf("version %d after %d writes, %d answers", got.Version, written.Load(), answered.Load())
	}
}

// hold sends writes that wait in the database until they are released.
func (w world) hold(t *testing.T, i *instance, by caller) (answers func() []reply, release func()) {
	t.Helper()
	session := w.sql(t)
	tx, err := session.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.ReadCommitted}) // conflicts with nobody else
	if err != nil {
		t.Fatal(err)
	}
	var writes []operation
	for range 3 {
		path, made := i.create(t, by, `{"type":"held","name":"n"}`)
		if _, err := tx.Exec(t.Context(), `UPDATE resources SET name = name WHERE tenant = $1 AND id = $2::UUID`, made.Tenant, made.ID); err != nil {
			t.Fatal(err)
		}
		writes = append(writes, operations(path)[4])
	}
	answers = i.volley(t, by, writes)
	watching := w.sql(t)
	eventually(t, patience, "the writes wait", func() (bool, string) {
		if w.stack.Database() == "cockroach" { // tells nobody who waits for whom
			return true, ""
		}
		var n int
		err := watching.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE $1::INT4 = ANY(pg_blocking_pids(pid))`,
			session.PgConn().PID()).Scan(&n)
		return err == nil && n == len(writes), fmt.Sprint(n, err)
	})
	return answers, func() {
		if err := tx.Rollback(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func (w world) freeAddress(t *testing.T) string {
	t.Helper()
	address, err := w.stack.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func TestStartingTwiceOnOneAddressFails(t *testing.T) {
	t.Parallel()
	w, other, _ := serving(t)
	taken := other.url[len("https://"):]
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd, said := program(ctx, t, with(w.env, "HTTP_ADDR", taken), "run")
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
		t.Errorf("%v: %s", err, said)
	}
}
