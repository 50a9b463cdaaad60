package devstack_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/internal/proc"
)

const roleHold = "hold-a-stack"

// held is what a holder says of its stack.
type held struct {
	Dir     string `json:"dir"`
	Segment string `json:"segment"` // PostgreSQL's shared memory
}

// hold is a program that has a stack and knows nothing of signals. In a broken
// one PostgreSQL was paused and then killed, so that it cleared nothing up.
func hold(broken bool) error {
	ctx := context.Background()
	s, err := devstack.Start(ctx, devstack.Options{Database: true, Redis: true, NATS: true, Clerk: true, Fast: true})
	if err != nil {
		return err
	}
	lock, err := os.ReadFile(s.Dir() + "/postgres/data/postmaster.pid")
	if err != nil {
		return err
	}
	fields := strings.Fields(strings.Split(string(lock), "\n")[6])
	if broken {
		if err := errors.Join(s.Pause("postgres"), s.Kill("postgres")); err != nil {
			return err
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(held{s.Dir(), fields[1]}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func TestNothingOutlivesItsProgram(t *testing.T) {
	t.Parallel()
	if s := devstack.T(t, devstack.Options{Database: true}); s.Database() == "cockroach" {
		t.Skip("this looks at PostgreSQL's shared memory")
	}
	for name, tt := range map[string]struct {
		sig    syscall.Signal
		broken string
	}{
		"killed":                {syscall.SIGKILL, ""},
		"terminated":            {syscall.SIGTERM, ""},
		"killed, broken before": {syscall.SIGKILL, "broken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(self, roleHold, tt.broken)
			cmd.Stderr = t.Output()
			out, err1 := cmd.StdoutPipe()
			_, err2 := cmd.StdinPipe()
			if err := errors.Join(err1, err2, cmd.Start()); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadBytes('\n')
			if err != nil {
				t.Fatal(err)
			}
			var stack held
			if err := json.Unmarshal(line, &stack); err != nil {
				t.Fatal(err)
			}
			// Redis, NATS, the reaper, and perhaps PostgreSQL with its five helpers.
			if n := len(using(t, stack.Dir)); n < 3 || tt.broken == "" && n < 8 {
				t.Fatalf("only %d processes are found", n)
			}
			if !segment(t, stack.Segment) {
				t.Fatal("no shared memory is found")
			}
			_ = cmd.Process.Signal(tt.sig)
			_ = cmd.Wait() // it was killed
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			if err := proc.Await(ctx, func() (bool, error) {
				_, err := os.Stat(stack.Dir)
				return errors.Is(err, os.ErrNotExist) && len(using(t, stack.Dir)) == 0, nil
			}); err != nil {
				t.Errorf("left behind: %v", using(t, stack.Dir))
			}
			if segment(t, stack.Segment) {
				t.Error("shared memory is left behind")
			}
		})
	}
}

// using lists the processes that name a directory or work in it.
func using(t *testing.T, dir string) (found []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		line, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		cwd, _ := os.Readlink("/proc/" + e.Name() + "/cwd")
		if bytes.Contains(line, []byte(dir)) || strings.HasPrefix(cwd, dir) {
			found = append(found, fmt.Sprintf("%s %s", e.Name(), bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return found
}

// segment tells whether a System V shared memory segment is there.
func segment(t *testing.T, id string) bool {
	t.Helper()
	list, err := os.ReadFile("/proc/sysvipc/shm")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(list)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[1] == id {
			return true
		}
	}
	return false
}
