//go:build chaos

// Package sabotage is where the fault campaign takes hold of a process: points
// at which it dies, and parts of the cache that can be left out. It exists in
// builds with the tag chaos; in any other all of it is constant and compiled
// away.
package sabotage

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

type mine struct {
	point string
	sig   syscall.Signal
	left  atomic.Int64
}

// victim is the write with which the first of the mines went off.
//
//nolint:gochecknoglobals // as those below
var victim atomic.Pointer[string]

//nolint:gochecknoglobals // a process is sabotaged as a whole, and tells nobody inside of it
var (
	missing = os.Getenv("CHAOS_WITHOUT") //nolint:forbidigo // not a variable that a service has
	mines   = lay(os.Getenv("CHAOS_AT")) //nolint:forbidigo // likewise
)

// lay reads a list such as "marked:stop:20,written:kill:1": what to do when a
// point is passed for the 20th time, and what at the next, with the same write,
// once that is done.
func lay(list string) []*mine {
	var all []*mine
	for entry := range strings.SplitSeq(list, ",") {
		part := strings.Split(entry, ":")
		if len(part) != 3 {
			continue
		}
		m := &mine{point: part[0], sig: syscall.SIGKILL}
		if part[1] == "stop" {
			m.sig = syscall.SIGSTOP
		}
		n, _ := strconv.ParseInt(part[2], 10, 64)
		m.left.Store(n)
		all = append(all, m)
	}
	return all
}

// At is a point that the process is passing with a write.
func At[W fmt.Stringer](point string, w W) {
	write := w.String()
	if id := victim.Load(); id != nil && *id != write {
		return
	}
	for _, m := range mines {
		if m.left.Load() <= 0 {
			continue // done
		}
		if m.point == point && m.left.Add(-1) == 0 {
			victim.Store(&write)
			_ = syscall.Kill(os.Getpid(), m.sig)
			if m.sig == syscall.SIGKILL {
				select {} // until it arrives
			}
		}
		return // the ones after it wait for their turn
	}
}

// Without tells whether a part is left out.
func Without(part string) bool { return part == missing }
