//go:build !linux

package proc

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// startTime asks ps, which every Unix has.
func startTime(pid int) (string, bool) {
	out, err := exec.CommandContext(context.Background(), "ps", "-o", "state=,lstart=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return "", false
	}
	status, started, ok := strings.Cut(strings.TrimSpace(string(out)), " ")
	return strings.TrimSpace(started), ok && !strings.HasPrefix(status, "Z")
}

// inDirectory cannot be known here without privileges; orphaned backends end by
// themselves within a second.
func inDirectory(string) []int { return nil }

// adopt does nothing here: orphans go to the system's first process, which
// collects them.
func adopt() error { return nil }

func deadChildren() []int { return nil }

func forgetChild(int) {}

func dup2(from, to int) error { return syscall.Dup2(from, to) }

func removeSegment(id int) error {
	return exec.CommandContext(context.Background(), "ipcrm", "-m", strconv.Itoa(id)).Run()
}
