package proc

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// startTime is when the process began, in ticks since boot (proc(5), stat
// field 22); false if there is none, or only its exit status is left. A zombie
// with other threads (field 20) is not that: one of them is executing a program
// and about to take the first one's place, or they are about to end.
func startTime(pid int) (string, bool) {
	fields := stat(pid)
	if len(fields) < 20 || fields[0] == "X" || fields[0] == "Z" && fields[17] == "1" {
		return "", false
	}
	return fields[19], true
}

// stat is /proc/<pid>/stat from its third field on: the second is a name that
// may hold anything.
func stat(pid int) []string {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(line[bytes.LastIndexByte(line, ')')+1:]))
}

// inDirectory lists the processes whose working directory is dir, this one
// aside. PostgreSQL and all its backends work in their data directory.
func inDirectory(dir string) []int {
	var pids []int
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if cwd, err := os.Readlink("/proc/" + entry.Name() + "/cwd"); err == nil && cwd == dir {
			pids = append(pids, pid)
		}
	}
	return pids
}

// adopt makes this process the parent of its descendants' orphans, such as the
// backends of a PostgreSQL that was killed.
func adopt() error {
	const setChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER
	if _, _, errno := syscall.Syscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); errno != 0 {
		return errno
	}
	return nil
}

// deadChildren lists this process's children that have ended and are not
// collected yet.
func deadChildren() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	parent := strconv.Itoa(os.Getpid())
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if fields := stat(pid); len(fields) > 1 && fields[0] == "Z" && fields[1] == parent {
			pids = append(pids, pid)
		}
	}
	return pids
}

func forgetChild(pid int) {
	_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil) // it is dead; somebody else may have been faster
}

func dup2(from, to int) error { return syscall.Dup3(from, to, 0) }

// removeSegment deletes a System V shared memory segment.
func removeSegment(id int) error {
	const remove = 0 // IPC_RMID
	if _, _, errno := syscall.Syscall(syscall.SYS_SHMCTL, uintptr(id), remove, 0); errno != 0 {
		return errno
	}
	return nil
}
