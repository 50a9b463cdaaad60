package proc

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

const (
	pipeFD     = 3 // the first of exec.Cmd.ExtraFiles
	quitWithin = 3 * time.Second
	killWithin = 5 * time.Second
)

// reap is the role that outlives the supervisor. Its pipe ends when the
// supervisor does, by whatever means; then it kills and removes what is left.
func reap(reg registry) error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if _, err := io.Copy(io.Discard, os.NewFile(pipeFD, "supervisor")); err != nil {
		return err
	}
	// Whoever starts a program from here on is refused. A list that cannot be
	// rewritten, since somebody deleted the directory, keeps nothing alive.
	errs := []error{reg.close()}
	left, err := reg.read()
	if err != nil {
		return err
	}
	for _, p := range slices.Backward(left.Procs) {
		if !p.Supervisor {
			errs = append(errs, p.end())
		}
	}
	for _, dir := range left.Remove {
		errs = append(errs, os.RemoveAll(dir))
	}
	return errors.Join(errs...)
}

// end kills the process and what hangs on it.
func (r record) end() error {
	if r.DataDir == "" {
		return r.kill()
	}
	// SIGQUIT lets PostgreSQL take its backends and shared memory along.
	if r.signal(syscall.SIGQUIT) == nil {
		_ = r.signal(syscall.SIGCONT) // it may be paused; if it is gone, all the better
		ctx, cancel := context.WithTimeout(context.Background(), quitWithin)
		defer cancel()
		if r.awaitEnd(ctx) == nil && len(inDirectory(r.DataDir)) == 0 {
			return nil
		}
	}
	if err := r.kill(); err != nil {
		return err
	}
	for _, pid := range inDirectory(r.DataDir) {
		_ = syscall.Kill(pid, syscall.SIGKILL) // the check below tells whether it worked
	}
	return errors.Join(gone(r.DataDir), dropSegment(r.DataDir))
}

func (r record) kill() error {
	if err := r.signal(syscall.SIGKILL); err != nil {
		return nil // it is gone, or was a stranger's
	}
	ctx, cancel := context.WithTimeout(context.Background(), killWithin)
	defer cancel()
	return r.awaitEnd(ctx)
}

func (r record) awaitEnd(ctx context.Context) error {
	return Await(ctx, func() (bool, error) { return !r.alive(), nil })
}

// dropSegment removes the small shared memory segment that a killed PostgreSQL
// leaves; a server that ended by itself has removed both.
func dropSegment(dataDir string) error {
	_, segment := postmaster(dataDir)
	if segment == 0 {
		return nil
	}
	if err := removeSegment(segment); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.EIDRM) {
		return err
	}
	return nil
}
