package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	orphansWithin = 5 * time.Second
	zombieWithin  = 2 * time.Second
	dyingWithin   = time.Second
)

// launch is the role that becomes a program: it writes itself down, takes on
// the recorded surroundings and executes. Variables, NAME=value, replace those
// that are recorded, for this once. It returns only if that fails.
func launch(file string, variables []string) error {
	spec, err := readSpec(file)
	if err != nil {
		return err
	}
	spec.Env = with(spec.Env, variables)
	if err := spec.claim(); err != nil {
		return err
	}
	if spec.DataDir != "" {
		if err := errors.Join(clearOrphans(spec.DataDir), clearLock(spec.DataDir)); err != nil {
			return fmt.Errorf("start %s: %w", spec.Name, err)
		}
	}
	if err := spec.become(); err != nil {
		return fmt.Errorf("start %s: %w", spec.Name, err)
	}
	return nil
}

// with replaces variables: of two of one name, programs take either.
func with(env, variables []string) []string {
	for _, v := range variables {
		name, _, _ := strings.Cut(v, "=")
		env = slices.DeleteFunc(env, func(old string) bool { return strings.HasPrefix(old, name+"=") })
		env = append(env, v)
	}
	return env
}

// claim takes the place of a process that has ended. One that was killed a
// moment ago may need another to be gone.
func (s Spec) claim() error {
	ctx, cancel := context.WithTimeout(context.Background(), dyingWithin)
	defer cancel()
	var refused error
	err := Await(ctx, func() (bool, error) {
		refused = registry{s.Registry}.claim(record{Name: s.Name, DataDir: s.DataDir})
		if errors.Is(refused, errRunning) {
			return false, nil
		}
		return true, refused
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return refused
	}
	return err
}

func (s Spec) become() error {
	syscall.Umask(0o077)
	if err := os.Chdir(s.Dir); err != nil {
		return err
	}
	if err := redirect(s.Log); err != nil {
		return err
	}
	if err := s.User.assume(); err != nil {
		return err
	}
	return syscall.Exec(s.Path, append([]string{s.Path}, s.Args...), s.Env) //nolint:gosec // the program that the stack recorded
}

// redirect leaves the caller's terminal and pipes alone, so that a program
// neither reads from them nor blocks on them.
func redirect(log string) error {
	out, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // a log for the person who runs the stack
	if err != nil {
		return err
	}
	in, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	return errors.Join(dup2(int(in.Fd()), 0), dup2(int(out.Fd()), 1), dup2(int(out.Fd()), 2))
}

// clearOrphans waits until the backends of a killed PostgreSQL are gone: they
// notice by themselves unless they are stopped. What stays is killed, since
// without their parent they cannot commit anything any more.
func clearOrphans(dataDir string) error {
	if gone(dataDir) == nil {
		return nil
	}
	for _, pid := range inDirectory(dataDir) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return gone(dataDir)
}

func gone(dataDir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), orphansWithin)
	defer cancel()
	return Await(ctx, func() (bool, error) { return len(inDirectory(dataDir)) == 0, nil })
}

// clearLock removes the lock file of a killed PostgreSQL whose parent has not
// collected it yet, since for PostgreSQL a zombie still runs. Mostly that is a
// matter of milliseconds; where nobody collects, it would be for ever.
func clearLock(dataDir string) error {
	pid, _ := postmaster(dataDir)
	if pid == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), zombieWithin)
	defer cancel()
	err := Await(ctx, func() (bool, error) {
		_, alive := startTime(pid)
		// PostgreSQL itself knows what to do with a stranger's pid.
		return alive || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH), nil
	})
	if err == nil {
		return nil
	}
	return os.Remove(lockFile(dataDir))
}
