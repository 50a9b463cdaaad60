package proc

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

func lockFile(dataDir string) string { return filepath.Join(dataDir, "postmaster.pid") }

// postmaster reads PostgreSQL's lock file: the pid is its first line, the key
// and the id of its shared memory segment are the seventh. What is not there is 0.
func postmaster(dataDir string) (pid, segment int) {
	data, err := os.ReadFile(lockFile(dataDir))
	if err != nil {
		return 0, 0
	}
	lines := strings.Split(string(data), "\n")
	pid, _ = strconv.Atoi(lines[0]) // 0 if it is no number
	if len(lines) < 7 {
		return pid, 0
	}
	if fields := strings.Fields(lines[6]); len(fields) == 2 {
		segment, _ = strconv.Atoi(fields[1])
	}
	return pid, segment
}
