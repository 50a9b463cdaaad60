package proc

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// User is a numeric account.
type User struct {
	UID int `json:"uid"`
	GID int `json:"gid"`
}

// Unprivileged is the account that a program which refuses to run as root gets.
// It is nil when this process is not root, and so has to run everything itself.
func Unprivileged() (*User, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(account.Uid)
		gid, err2 := strconv.Atoi(account.Gid)
		if errors.Join(err1, err2) == nil {
			return &User{uid, gid}, nil
		}
	}
	return nil, errors.New("started as root, and there is neither a user postgres nor nobody")
}

// Credential is for children that are run once; nil means the caller's own.
func (u *User) Credential() *syscall.Credential {
	if u == nil {
		return nil
	}
	return &syscall.Credential{Uid: uint32(u.UID), Gid: uint32(u.GID)}
}

// Own gives the user a file or directory; nil needs no gift.
func (u *User) Own(paths ...string) error {
	if u == nil {
		return nil
	}
	for _, path := range paths {
		if err := os.Chown(path, u.UID, u.GID); err != nil {
			return err
		}
	}
	return nil
}

func (u *User) assume() error {
	if u == nil || os.Geteuid() == u.UID {
		return nil
	}
	if err := errors.Join(syscall.Setgroups([]int{u.GID}), syscall.Setgid(u.GID), syscall.Setuid(u.UID)); err != nil {
		return fmt.Errorf("become user %d: %w", u.UID, err)
	}
	return nil
}

// TempDir makes a directory that the user can reach, which root's own temporary
// directory may not allow.
func (u *User) TempDir() (string, error) {
	for _, base := range []string{os.TempDir(), "/tmp", "/var/tmp"} {
		if u != nil && !open(base) {
			continue
		}
		dir, err := os.MkdirTemp(base, "tandem-")
		if err != nil {
			return "", err
		}
		return dir, os.Chmod(dir, 0o711) //nolint:gosec // others may pass, what lies inside is protected by itself
	}
	return "", errors.New("no temporary directory that an unprivileged user can reach: set TMPDIR")
}

// open tells whether everybody may pass through dir and all above it.
func open(dir string) bool {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false
	}
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&1 == 0 {
			return false
		}
		up := filepath.Dir(dir)
		if up == dir {
			return true
		}
		dir = up
	}
}
