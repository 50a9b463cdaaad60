package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Layout says where a stack keeps its things. The directories must exist.
type Layout struct {
	Dir     string   // private: specs and the registry
	Scripts string   // one per process
	Logs    string   // one per process
	Pids    string   // the public list; none if empty
	Remove  []string // deleted when the supervisor has ended
	Hold    *os.File // a lock that is to outlive the supervisor until all is clean
}

// Table supervises the processes of one stack. It has no goroutines: a process
// that ended is noticed by the next call. Its methods are safe for concurrent
// use.
type Table struct {
	layout Layout
	reg    registry
	reaper *exec.Cmd
	life   *os.File // closing it calls the reaper

	mu       sync.Mutex // guards all below
	adopts   bool
	children map[string]int
	ended    map[string]string // how the last child of that name ended
}

// Open begins a stack: from here on a reaper watches this process.
func Open(layout Layout) (*Table, error) {
	if err := refuseChild(os.Args); err != nil {
		return nil, err
	}
	t := &Table{
		layout: layout, reg: registry{filepath.Join(layout.Dir, "registry")},
		children: map[string]int{}, ended: map[string]string{},
	}
	if err := os.Mkdir(t.reg.dir, 0o700); err != nil {
		return nil, err
	}
	err := t.reg.update(func(s *state) error {
		s.Pids, s.Remove = layout.Pids, layout.Remove
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, t.startReaper()
}

func (t *Table) startReaper() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	t.life = write
	t.reaper = exec.CommandContext(context.Background(), self, roleReap, t.reg.dir) //nolint:gosec // this very binary
	t.reaper.Env = []string{}
	t.reaper.ExtraFiles = []*os.File{read}
	if t.layout.Hold != nil {
		t.reaper.ExtraFiles = append(t.reaper.ExtraFiles, t.layout.Hold)
	}
	// In a session of its own no terminal can end it.
	t.reaper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return errors.Join(t.reaper.Start(), read.Close())
}

// Supervise puts this process itself on the public list, and makes it the parent
// of its descendants' orphans. It is for programs that do nothing else: from
// then on [Table.Watch] takes the exit status of every child it does not know.
func (t *Table) Supervise(name string) error {
	if err := adopt(); err != nil {
		return err
	}
	t.mu.Lock()
	t.adopts = true
	t.mu.Unlock()
	return t.reg.claim(record{Name: name, Supervisor: true})
}

// Add records how a process is started, without starting it. The table fills in
// the log and the registry.
func (t *Table) Add(spec Spec) error {
	spec.Log, spec.Registry = t.Log(spec.Name), t.reg.dir
	_, err := spec.save(t.layout.Dir, t.layout.Scripts)
	return err
}

// Log is the file that a process writes to.
func (t *Table) Log(name string) string { return filepath.Join(t.layout.Logs, name+".log") }

// Script starts a process again, in the foreground.
func (t *Table) Script(name string) string { return filepath.Join(t.layout.Scripts, name) }

// Start runs the script of a process and returns when it has taken its place in
// the list. It is ready some time later.
func (t *Table) Start(ctx context.Context, name string) error {
	log, err := os.OpenFile(t.Log(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // a log for the person who runs the stack
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), t.Script(name)) //nolint:gosec // a script that this package wrote
	cmd.Env = []string{}
	cmd.Stdout, cmd.Stderr = log, log
	// A Ctrl-C is for the supervisor, which ends its children in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = errors.Join(cmd.Start(), log.Close())
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	pid := cmd.Process.Pid
	t.mu.Lock()
	t.children[name] = pid
	delete(t.ended, name)
	t.mu.Unlock()
	err = errors.Join(cmd.Process.Release(), Await(ctx, func() (bool, error) {
		r, err := t.reg.find(name)
		if err == nil && r.PID == pid {
			return true, nil
		}
		return false, t.Failed(name)
	}))
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	return nil
}

// PID is the process that runs under a name now, whoever started it.
func (t *Table) PID(name string) (int, error) {
	t.collect()
	r, err := t.reg.find(name)
	if err != nil {
		return 0, err
	}
	if !r.alive() {
		return 0, fmt.Errorf("%s: %w", name, errDead)
	}
	return r.PID, nil
}

// Failed tells how the child that was last started under a name ended; nil
// while it runs.
func (t *Table) Failed(name string) error {
	t.collect()
	t.mu.Lock()
	defer t.mu.Unlock()
	if how, ok := t.ended[name]; ok {
		return fmt.Errorf("%s ended: %s; see %s", name, how, t.Log(name))
	}
	return nil
}

// collect takes the exit status of children that have ended.
func (t *Table) collect() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, pid := range t.children {
		var status syscall.WaitStatus
		got, err := syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
		switch {
		case got == pid:
			t.ended[name] = describe(status)
			delete(t.children, name)
		case errors.Is(err, syscall.ECHILD):
			delete(t.children, name)
		}
	}
}

// Signal sends a signal to the process alone; for PostgreSQL SIGSTOP and SIGCONT
// go to its backends as well, which would otherwise go on answering.
func (t *Table) Signal(name string, s syscall.Signal) error {
	r, err := t.reg.find(name)
	if err != nil {
		return err
	}
	if err := r.signal(s); err != nil {
		return err
	}
	if r.DataDir == "" || s != syscall.SIGSTOP && s != syscall.SIGCONT {
		return nil
	}
	for _, pid := range inDirectory(r.DataDir) {
		if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}

// End sends a signal and waits until the process is gone; one that takes longer
// than grace is killed. A process that does not run is no error.
func (t *Table) End(ctx context.Context, name string, s syscall.Signal, grace time.Duration) error {
	if err := t.Signal(name, s); err != nil {
		return nil // nothing runs under this name
	}
	_ = t.Signal(name, syscall.SIGCONT) // a paused process takes no signal; one that is gone needs none
	r, err := t.reg.find(name)
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	err = Await(waiting, func() (bool, error) {
		t.collect()
		return !r.alive(), nil
	})
	if err == nil {
		return nil
	}
	err = r.kill()
	t.collect()
	return err
}

// Drop ends a process for good and takes it off the list.
func (t *Table) Drop(name string) error {
	r, err := t.reg.find(name)
	if err != nil {
		return err
	}
	err = errors.Join(r.end(), t.reg.forget(name))
	t.collect()
	return err
}

// Seal refuses every start from now on; what runs goes on.
func (t *Table) Seal() error {
	return t.reg.close()
}

// Close lets the reaper end what still runs and remove the directories, and
// waits for it.
func (t *Table) Close() error {
	err := errors.Join(t.life.Close(), t.reaper.Wait())
	t.collect()
	t.collectOrphans()
	return err
}
