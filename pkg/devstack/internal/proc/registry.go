package proc

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

var (
	errClosed  = errors.New("the stack has ended")
	errRunning = errors.New("already running")
)

// registry is the directory where the processes of one stack are written down.
// Every change happens under a file lock, since a program may be started by
// anybody.
type registry struct{ dir string }

type state struct {
	Closed bool     `json:"closed"` // nothing may be started any more
	Pids   string   `json:"pids"`   // the public list, if one is kept
	Procs  []record `json:"procs"`
	Remove []string `json:"remove"` // what the reaper deletes
}

// record is one process. A pid may be used again by a stranger, a pid with its
// start time may not.
type record struct {
	Name       string `json:"name"`
	PID        int    `json:"pid"`
	Started    string `json:"started"`
	DataDir    string `json:"data_dir"`
	Supervisor bool   `json:"supervisor"`
}

func (r record) alive() bool {
	started, ok := startTime(r.PID)
	return ok && started == r.Started
}

// signal reaches the process only if it still is the one that was written down.
func (r record) signal(s syscall.Signal) error {
	if !r.alive() {
		return fmt.Errorf("%s: %w", r.Name, errDead)
	}
	return syscall.Kill(r.PID, s)
}

func (r registry) file() string { return filepath.Join(r.dir, "state.json") }

// update changes the state as one step and rewrites the public list.
func (r registry) update(change func(*state) error) (err error) {
	lock, err := os.OpenFile(filepath.Join(r.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return errClosed
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := flock(lock); err != nil {
		return err
	}
	s, err := r.read()
	if err != nil {
		return err
	}
	if err := change(&s); err != nil {
		return err
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := writeFile(r.file(), data, 0o600); err != nil || s.Pids == "" {
		return err
	}
	var list strings.Builder
	for _, p := range s.Procs {
		fmt.Fprintf(&list, "%s %d\n", p.Name, p.PID)
	}
	return writeFile(s.Pids, []byte(list.String()), 0o644)
}

// read needs no lock: the file is always replaced whole.
func (r registry) read() (state, error) {
	var s state
	data, err := os.ReadFile(r.file())
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(data, &s)
}

func (r registry) find(name string) (record, error) {
	s, err := r.read()
	if err != nil {
		return record{}, err
	}
	for _, p := range s.Procs {
		if p.Name == name {
			return p, nil
		}
	}
	return record{}, fmt.Errorf("%s: %w", name, errUnknown)
}

// claim writes this very process down under a name, unless another lives there.
func (r registry) claim(mine record) error {
	mine.PID = os.Getpid()
	started, ok := startTime(mine.PID)
	if !ok {
		return errors.New("cannot read this process's start time")
	}
	mine.Started = started
	return r.update(func(s *state) error {
		if s.Closed {
			return errClosed
		}
		at := slices.IndexFunc(s.Procs, func(p record) bool { return p.Name == mine.Name })
		if at < 0 {
			s.Procs = append(s.Procs, mine)
			return nil
		}
		if old := s.Procs[at]; old.alive() && old.PID != mine.PID {
			return fmt.Errorf("%s: %w as process %d", mine.Name, errRunning, old.PID)
		}
		s.Procs[at] = mine
		return nil
	})
}

// close refuses all further claims.
func (r registry) close() error {
	return r.update(func(s *state) error {
		s.Closed = true
		return nil
	})
}

// forget takes a name off the list.
func (r registry) forget(name string) error {
	return r.update(func(s *state) error {
		s.Procs = slices.DeleteFunc(s.Procs, func(p record) bool { return p.Name == name })
		return nil
	})
}

func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
