package coherent

import (
	"context"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
)

const childRole = "coherent-child"

// child is a process that kills itself, without any chance to clean up, when it
// comes by a point.
func child(args []string) int {
	database, redis, ca, point, id := args[0], args[1], args[2], args[3], args[4]
	db, err := open(database)
	if err != nil {
		return 2
	}
	k := newKeeper(db, redis, ca)
	k.Start()
	c := New(Config{Region: "here", Epochs: k, Arbiter: lethal{NewPostgres(db), point}, Log: zap.NewNop()})
	p := &process{c, k, db}
	deadline := time.After(2 * time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	for {
		select {
		case <-deadline:
			return 3
		case <-tick.C:
		}
		e, err := k.Current()
		if err != nil {
			continue
		}
		switch point {
		case "marked", "written":
			_, _ = p.Write(context.Background(), p.lethal(id, point))
		default:
			_ = p.hasty().sweep(context.Background(), e)
		}
	}
}

// lethal is an arbiter that does not live to use, or to tell, what it decided.
type lethal struct {
	Arbiter

	point string
}

func (l lethal) Decide(ctx context.Context, id uuid.UUID) (Outcome, error) {
	if l.point == "asked" {
		die()
	}
	outcome, err := l.Arbiter.Decide(ctx, id)
	if l.point == "decided" && err == nil {
		die()
	}
	return outcome, err
}

// lethal is a write whose writer dies at a point.
func (p *process) lethal(id, point string) Change {
	change := p.change(id, "orphan")
	run := change.Run
	change.Run = func(ctx context.Context, op Operation) (Entry, error) {
		if point == "marked" {
			die()
		}
		e, err := run(ctx, op)
		if err == nil {
			die()
		}
		return e, err
	}
	return change
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal may take a moment
}

// crash runs a child until it has killed itself.
func (w *world) crash(t *testing.T, point, id string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, childRole, w.stack.DatabaseURL, w.stack.RedisURL, w.stack.CAFile, point, id)
	err = cmd.Run()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the child at %q ended otherwise: %v", point, err)
	}
}

// A writer is killed at either of its points, then a janitor at either of its;
// the next one brings all to its end, and nobody has read anything meanwhile.
func TestKilledWritersAndJanitors(t *testing.T) {
	t.Parallel()
	for writer, version := range map[string]int64{"marked": 1, "written": 2} {
		for _, janitor := range []string{"asked", "decided"} {
			t.Run(writer+" "+janitor, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				p := w.process()
				id := newID()
				p.insert(t, id)
				w.crash(t, writer, id)
				number := p.epoch(t).Number()
				if n := p.registered(t, number); n != 2 {
					t.Fatalf("%d markers are registered after the writer died", n)
				}
				w.crash(t, janitor, id)
				if n := p.marked(t, number, thing(id), every); n != 2 {
					t.Fatalf("%d cells are marked after the janitor died", n)
				}
				p.endTurn(t)
				p.sweep(t, p.hasty())
				p.settled(t, number, id)
				if e, s := p.read(t, id); e.Version != version {
					t.Errorf("version %d, %s", e.Version, s.Outcome())
				}
				if e := p.write(t, id, "next"); e.Version != version+1 {
					t.Errorf("the next write: version %d", e.Version)
				}
			})
		}
	}
}

// endTurn spares a test the wait.
func (p *process) endTurn(t *testing.T) {
	t.Helper()
	e := p.epoch(t)
	if err := e.Redis().Del(t.Context(), Cell("markers").key(e.Number(), "t")).Err(); err != nil {
		t.Fatal(err)
	}
}
