package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// acquireWithin is longer than the reaper of a killed run takes to clear up.
const acquireWithin = 15 * time.Second

var errBusy = errors.New("another run is using this directory; end it first (Ctrl-C where it runs)")

// Acquire makes an empty directory that belongs to the caller as long as the
// returned file, or a copy of it in a child, is open. What a run of the past
// left in it is deleted; a run that is just ending is waited for.
func Acquire(ctx context.Context, dir string) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, acquireWithin)
	defer cancel()
	var held *os.File
	err := Await(ctx, func() (bool, error) {
		var err error
		held, err = tryAcquire(dir)
		return held != nil, err
	})
	if errors.Is(err, context.DeadlineExceeded) {
		err = errBusy
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return held, empty(dir)
}

// tryAcquire returns nil without an error when it is worth another try.
func tryAcquire(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // its files protect themselves
		return nil, err
	}
	f, err := os.Open(dir) //nolint:gosec // the caller's own choice
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil && !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
		return nil, errors.Join(err, f.Close())
	}
	if err == nil && same(f, dir) {
		return f, nil
	}
	return nil, f.Close()
}

// same tells whether the path still leads to the open directory: its last owner
// deletes it before the lock is free.
func same(f *os.File, dir string) bool {
	a, err1 := f.Stat()
	b, err2 := os.Stat(dir)
	return err1 == nil && err2 == nil && os.SameFile(a, b)
}

func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}
