//go:build chaos

// Package sabotage is where the fault campaign takes hold of a process: points
// at which it stops or dies, and parts of the cache that can be left out. It
// exists in builds with the tag chaos; in any other all of it is constant and
// compiled away.
package sabotage

import (
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// mine waits at a point for work on something.
type mine struct {
	point string
	sig   syscall.Signal
	left  int    // so many times does the work have to pass
	on    string // what its name contains; empty for anything
}

// field is the mines of this process. Its orders come in a file, since they
// change while it runs.
type field struct {
	file string

	mu    sync.Mutex // guards all below
	text  string     // the orders that are laid
	mines []*mine    // the first is armed, the others wait for their turn
}

//nolint:gochecknoglobals // a process is sabotaged as a whole, and tells nobody inside of it
var (
	missing = os.Getenv("CHAOS_WITHOUT")             //nolint:forbidigo // not a variable that a service has
	mines   = field{file: os.Getenv("CHAOS_ORDERS")} //nolint:forbidigo // likewise
)

// lay reads orders such as "marked:stop:1:0194…,written:kill:1:0194…": what to
// do when a point is passed for that time with something of such a name, and
// what at the next, once that is done.
func lay(orders string) []*mine {
	var all []*mine
	for entry := range strings.SplitSeq(orders, ",") {
		part := strings.SplitN(strings.TrimSpace(entry), ":", 4)
		if len(part) != 4 {
			continue
		}
		m := &mine{point: part[0], sig: syscall.SIGKILL, on: part[3]}
		if part[1] == "stop" {
			m.sig = syscall.SIGSTOP
		}
		m.left, _ = strconv.Atoi(part[2])
		all = append(all, m)
	}
	return all
}

// step tells what happens to the process that passes a point.
func (f *field) step(point, name string) (syscall.Signal, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if text, _ := os.ReadFile(f.file); string(text) != f.text { // no file is no orders
		f.text, f.mines = string(text), lay(string(text))
	}
	if len(f.mines) == 0 || f.mines[0].point != point || !strings.Contains(name, f.mines[0].on) {
		return 0, false
	}
	m := f.mines[0]
	if m.left--; m.left > 0 {
		return 0, false
	}
	f.mines = f.mines[1:]
	return m.sig, true
}

// At is a point that the process is passing with work on a cell or a subject.
func At[T ~string](point string, name T) {
	if mines.file == "" {
		return
	}
	sig, hit := mines.step(point, string(name))
	if !hit {
		return
	}
	// The signal may take a moment to arrive, in which the work must not go on.
	woken := make(chan os.Signal, 1)
	signal.Notify(woken, syscall.SIGCONT)
	_ = syscall.Kill(os.Getpid(), sig)
	<-woken
	signal.Stop(woken)
}

// Without tells whether a part is left out.
func Without(part string) bool { return part == missing }
