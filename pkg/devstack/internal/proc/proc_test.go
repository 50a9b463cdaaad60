package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"tandem.example/pkg/devstack/leak"
)

func TestMain(m *testing.M) {
	Child(os.Args)
	leak.Main(m)
}

func layout(t *testing.T) Layout {
	t.Helper()
	dir := t.TempDir()
	l := Layout{Dir: dir, Scripts: filepath.Join(dir, "start"), Logs: filepath.Join(dir, "logs"), Pids: filepath.Join(dir, "pids")}
	if err := errors.Join(os.Mkdir(l.Scripts, 0o700), os.Mkdir(l.Logs, 0o700)); err != nil {
		t.Fatal(err)
	}
	return l
}

func open1(t *testing.T, l Layout) *Table {
	t.Helper()
	table, err := Open(l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := table.Close(); err != nil {
			t.Error(err)
		}
	})
	return table
}

func sleeper(l Layout, name string) Spec {
	return Spec{Name: name, Path: "/bin/sleep", Args: []string{"600"}, Dir: l.Dir}
}

// A pid that a stranger has by now is not touched, neither by a signal nor by
// the reaper.
func TestStrangersAreSpared(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("/bin/sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	started, ok := startTime(cmd.Process.Pid)
	if !ok {
		t.Fatal("no start time")
	}
	stranger := record{Name: "redis", PID: cmd.Process.Pid, Started: "12345"}
	if err := stranger.end(); err != nil {
		t.Error(err)
	}
	own := stranger
	own.Started = started
	if !own.alive() {
		t.Fatal("the reaper killed a stranger")
	}
	if err := own.end(); err != nil || own.alive() {
		t.Errorf("our own process was spared: %v", err)
	}
	_ = cmd.Wait()
}

func TestTheListIsTrue(t *testing.T) {
	t.Parallel()
	l := layout(t)
	table := open1(t, l)
	if err := errors.Join(table.Add(sleeper(l, "a")), table.Start(t.Context(), "a")); err != nil {
		t.Fatal(err)
	}
	first, err := table.PID("a")
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Start(t.Context(), "a"); err == nil {
		t.Error("it was started twice")
	}
	if still, err := table.PID("a"); err != nil || still != first {
		t.Errorf("%d, then %d: %v", first, still, err)
	}
	if err := table.End(t.Context(), "a", 15, time.Minute); err != nil {
		t.Error(err)
	}
	if pid, err := table.PID("a"); !errors.Is(err, errDead) {
		t.Errorf("%d: %v", pid, err)
	}
	if err := table.Start(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if second, err := table.PID("a"); err != nil || second == first {
		t.Errorf("%d, then %d: %v", first, second, err)
	}
}

// Whoever starts a program again may change its environment, for that once.
func TestAStartWithOtherVariables(t *testing.T) {
	t.Parallel()
	l := layout(t)
	table := open1(t, l)
	err := table.Add(Spec{Name: "a", Path: "/bin/sh", Args: []string{"-c", `echo "$ONE $TWO"`}, Env: []string{"ONE=1", "TWO=2"}, Dir: l.Dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, variables := range [][]string{{}, {"ONE=x", "ONE=a b", "TWO="}, {}} {
		if err := exec.CommandContext(t.Context(), table.Script("a"), variables...).Run(); err != nil {
			t.Fatal(err)
		}
	}
	if said, err := os.ReadFile(table.Log("a")); err != nil || string(said) != "1 2\na b \n1 2\n" {
		t.Errorf("%q, %v", said, err)
	}
}

// A process runs from when it has taken its place, also while it becomes the
// program.
func TestWhatBecomesAProgramRuns(t *testing.T) {
	t.Parallel()
	l := layout(t)
	table := open1(t, l)
	for i := range 30 {
		name := fmt.Sprint("p", i)
		if err := table.Add(sleeper(l, name)); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), table.Script(name))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		r, err := table.reg.find(name)
		for err != nil {
			r, err = table.reg.find(name)
		}
		for begin := time.Now(); time.Since(begin) < 20*time.Millisecond; {
			if !r.alive() {
				t.Fatalf("%s is taken for dead", name)
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // killed
	}
}

func TestNothingStartsAfterTheEnd(t *testing.T) {
	t.Parallel()
	l := layout(t)
	table := open1(t, l)
	if err := errors.Join(table.Add(sleeper(l, "a")), table.Seal()); err != nil {
		t.Fatal(err)
	}
	if err := table.Start(t.Context(), "a"); err == nil {
		t.Error("it was started")
	}
}

// A program that cannot be executed is reported at once, not after a time-out.
func TestFailedStart(t *testing.T) {
	t.Parallel()
	l := layout(t)
	table := open1(t, l)
	spec := sleeper(l, "a")
	spec.Path = "/nonexistent"
	if err := table.Add(spec); err != nil {
		t.Fatal(err)
	}
	err := table.Start(t.Context(), "a")
	if err == nil { // it had taken its place before it failed
		err = Await(t.Context(), func() (bool, error) { return false, table.Failed("a") })
	}
	if err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// The list may be lost with its directory; the processes still end.
func TestDeletedRunDirectory(t *testing.T) {
	t.Parallel()
	l := layout(t)
	run := t.TempDir()
	l.Pids = filepath.Join(run, "pids")
	table, err := Open(l)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(table.Add(sleeper(l, "a")), table.Start(t.Context(), "a")); err != nil {
		t.Fatal(err)
	}
	r, err := table.reg.find("a")
	if err != nil || !r.alive() {
		t.Fatal(err)
	}
	if err := os.RemoveAll(run); err != nil {
		t.Fatal(err)
	}
	_ = table.Close() // it may complain about the list
	if r.alive() {
		t.Error("the process outlives its supervisor")
	}
}

func TestAcquire(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), ".run")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, "stack.env"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	held, err := Acquire(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("the past is still there: %v %v", entries, err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Acquire(short, dir); !errors.Is(err, errBusy) {
		t.Errorf("two runs in one directory: %v", err)
	}
	if err := errors.Join(os.RemoveAll(dir), held.Close()); err != nil {
		t.Fatal(err)
	}
	again, err := Acquire(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "/a b/c", "it's", "$(echo no) `echo no` \\ \" *", "a\nb"} {
		out, err := exec.Command("/bin/sh", "-c", "printf %s "+quote(text)).Output()
		if err != nil || string(out) != text {
			t.Errorf("%q became %q: %v", text, out, err)
		}
	}
}

func TestForgottenChild(t *testing.T) {
	t.Parallel()
	if err := refuseChild([]string{"x.test", roleStart, "spec"}); !errors.Is(err, errNotChild) {
		t.Errorf("a child that acts as a supervisor: %v", err)
	}
	if err := refuseChild([]string{"x.test", "-test.v"}); err != nil {
		t.Error(err)
	}
}

// For PostgreSQL a zombie that is named in its lock file still runs.
func TestLockOfAZombieIsRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lock := func(pid int) {
		t.Helper()
		if err := os.WriteFile(lockFile(dir), fmt.Appendf(nil, "%d\n%s\n", pid, dir), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/bin/sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lock(cmd.Process.Pid)
	if err := clearLock(dir); err != nil {
		t.Fatal(err)
	}
	if pid, _ := postmaster(dir); pid != cmd.Process.Pid {
		t.Error("the lock of a process that lives is gone")
	}
	if err := cmd.Process.Kill(); err != nil { // and nobody collects it
		t.Fatal(err)
	}
	err := Await(t.Context(), func() (bool, error) {
		_, alive := startTime(cmd.Process.Pid)
		return !alive, nil
	})
	if err := errors.Join(err, clearLock(dir)); err != nil {
		t.Fatal(err)
	}
	if pid, _ := postmaster(dir); pid != 0 {
		t.Error("the lock of a zombie is still there")
	}
	_ = cmd.Wait()
}
