package pair_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tandem.example/pkg/devstack/internal/proc"
)

// console is the output of a run so far.
type console struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// theRun is a supervisor in a process of its own.
type theRun struct {
	dir string // .run
	cmd *exec.Cmd
	out *console
	env map[string]string // stack.env as a shell reads it
}

func begin(t *testing.T, environ ...string) *theRun {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"authd", "resourcesd"} {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return beginIn(t, dir, environ...)
}

// beginIn is begin over the services in dir.
func beginIn(t *testing.T, dir string, environ ...string) *theRun {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &theRun{dir: filepath.Join(dir, ".run"), out: &console{}}
	r.cmd = exec.Command(self, roleRun, dir)
	r.cmd.Env = append([]string{"PATH=" + variable("PATH"), "LOG_LEVEL=debug"}, environ...)
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.out
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the console:\n%s", r.out)
			logs, _ := filepath.Glob(r.dir + "/logs/*")
			for _, log := range logs {
				text, _ := os.ReadFile(log)
				t.Logf("%s:\n%s", log, text[max(0, len(text)-1000):])
			}
		}
		if r.cmd.ProcessState == nil {
			_ = r.cmd.Process.Kill()
			_ = r.cmd.Wait()
		}
		// The reaper must be done before the directory above is removed.
		_ = proc.Await(context.WithoutCancel(t.Context()), func() (bool, error) {
			_, err := os.Stat(r.dir)
			return errors.Is(err, os.ErrNotExist), nil
		})
	})
	within(t, "stack.env", func() bool {
		_, err := os.Stat(filepath.Join(r.dir, "stack.env"))
		return err == nil
	})
	r.env = r.source(t)
	return r
}

// source reads stack.env as a shell does.
func (r *theRun) source(t *testing.T) map[string]string {
	t.Helper()
	out, err := exec.Command("/usr/bin/env", "-i", "/bin/sh", "-c", "set -a; . "+r.dir+"/stack.env; /usr/bin/env").Output()
	if err != nil {
		t.Fatal(err)
	}
	vars := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		vars[name] = value
	}
	return vars
}

// pids reads the list of processes.
func (r *theRun) pids(t *testing.T) map[string]int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(r.dir, "pids"))
	if err != nil {
		t.Fatal(err)
	}
	pids := map[string]int{}
	for line := range strings.Lines(string(data)) {
		name, pid, ok := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.Atoi(pid)
		if !ok || err != nil {
			t.Fatalf("line %q", line)
		}
		pids[name] = n
	}
	return pids
}

// kill ends a process, and does not wait until it is gone: nor do those who
// start it again at once.
func (r *theRun) kill(t *testing.T, name string) {
	t.Helper()
	if err := syscall.Kill(r.pids(t)[name], syscall.SIGKILL); err != nil {
		t.Fatalf("kill %s: %v", name, err)
	}
}

// restart runs the start script as somebody else would, from a strange place and
// with a given environment.
func (r *theRun) restart(t *testing.T, name string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(filepath.Join(r.dir, "start", name))
	cmd.Env, cmd.Dir = append([]string{}, env...), "/"
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var waiter sync.WaitGroup
	waiter.Go(func() { _ = cmd.Wait() }) // it will be killed
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		waiter.Wait()
	})
	within(t, name+" in the list", func() bool { return r.pids(t)[name] == cmd.Process.Pid })
	return cmd
}

// traces are the processes and directories of a run, to be looked for when it
// has ended.
func (r *theRun) traces(t *testing.T) (pids []int, dirs []string) {
	t.Helper()
	stack := filepath.Dir(r.env["CA_FILE"])
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		line, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		cwd, _ := os.Readlink("/proc/" + e.Name() + "/cwd")
		if bytes.Contains(line, []byte(stack)) || strings.HasPrefix(cwd, stack) || pid == r.cmd.Process.Pid {
			pids = append(pids, pid)
		}
	}
	for _, pid := range r.pids(t) {
		pids = append(pids, pid)
	}
	if len(pids) < 14 { // seven listed twice, PostgreSQL's own, the reaper
		t.Fatalf("only %d processes are found", len(pids))
	}
	return pids, []string{stack, r.dir}
}

func assertGone(t *testing.T, pids []int, dirs []string) {
	t.Helper()
	for _, pid := range pids {
		within(t, fmt.Sprintf("the end of process %d", pid), func() bool { return !alive(pid) })
	}
	for _, dir := range dirs {
		within(t, "the removal of "+dir, func() bool {
			_, err := os.Stat(dir)
			return errors.Is(err, os.ErrNotExist)
		})
	}
}

func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

func within(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := proc.Await(ctx, func() (bool, error) { return done(), nil }); err != nil {
		t.Fatalf("wait for %s: %v", what, err)
	}
}

// restartOutput runs the start script to its end, which is near if the process
// runs already.
func restartOutput(t *testing.T, r *theRun, name string) (string, error) {
	t.Helper()
	cmd := exec.Command(filepath.Join(r.dir, "start", name))
	cmd.Env = []string{}
	out, err := cmd.CombinedOutput()
	return string(out), err
}
