package pair

import (
	"context"
	"os/exec"
	"strings"
)

const programCompiler = "a C compiler"

// compiles tells whether the compiler that Go would call is there, and the C
// library's headers with it: the race detector is linked by them.
func compiles(ctx context.Context) bool {
	name, err := exec.CommandContext(ctx, "go", "env", "CC").Output()
	words := strings.Fields(string(name))
	if err != nil || len(words) == 0 {
		return false
	}
	cmd := exec.CommandContext(ctx, words[0], append(words[1:], "-E", "-x", "c", "-")...) //nolint:gosec // Go would run it as well
	cmd.Stdin = strings.NewReader("#include <pthread.h>\n")
	return cmd.Run() == nil
}
