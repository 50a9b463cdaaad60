// Package proc runs the programs of a stack so that none outlives it.
//
// It promises that each program can be started again exactly as it was first
// started, since both go the same road (a script that becomes this binary that
// becomes the program, under one pid); that the list of pids is true whoever
// started a program; and that programs and directories are gone soon after the
// supervising process is, however that ends.
package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The hidden roles of the binary, its first argument. They are arguments and
// not variables because a start must not depend on the caller's environment.
const (
	RolePrefix = "devstack-"
	roleStart  = RolePrefix + "start"
	roleReap   = RolePrefix + "reap"
)

var (
	errNotChild = errors.New("this process was started as a child but does not act as one: TestMain must call devstack.Main")
	errUnknown  = errors.New("no such process in this stack")
	errDead     = errors.New("not running")
)

// Child performs the role that args (os.Args) name. It returns false when they
// name none of this package's; otherwise it does not return.
func Child(args []string) bool {
	var err error
	switch {
	case len(args) >= 3 && args[1] == roleStart:
		err = launch(args[2], args[3:])
	case len(args) == 3 && args[1] == roleReap:
		err = reap(registry{args[2]})
	default:
		return false
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
	return true
}

// refuseChild stops a binary that forgot to call [Child] from starting itself
// for ever.
func refuseChild(args []string) error {
	if len(args) > 1 && strings.HasPrefix(args[1], RolePrefix) {
		return errNotChild
	}
	return nil
}

// Await calls done at once and then every few milliseconds until it is true,
// fails, or ctx ends.
func Await(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// writeFile replaces a file whole, so that a reader never sees half of it. No
// child is forked meanwhile: it would hold the file open for writing, and a
// script in that state cannot be executed.
func writeFile(name string, data []byte, mode os.FileMode) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	f, err := os.CreateTemp(filepath.Dir(name), ".new-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// describe puts a wait status into words.
func describe(s syscall.WaitStatus) string {
	if s.Signaled() {
		return "killed by signal " + s.Signal().String()
	}
	return fmt.Sprintf("exit status %d", s.ExitStatus())
}
