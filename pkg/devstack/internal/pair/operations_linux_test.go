package pair_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// block is some commands of docs/operations.md and the lines that are shown of
// their output.
type block struct{ commands, shown string }

func blocksOf(t *testing.T, file string) (blocks []block) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	fenced := regexp.MustCompile("(?ms)^```(sh|text)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)
	for i, f := range fenced {
		switch {
		case f[1] == "sh":
			blocks = append(blocks, block{commands: f[2]})
		case i > 0 && fenced[i-1][1] == "sh":
			blocks[len(blocks)-1].shown = f[2]
		default:
			t.Fatalf("no commands are before\n%s", f[2])
		}
	}
	return blocks
}

// missing is the first line shown that is not in the output, in its order. An
// ellipsis stands for anything.
func (b block) missing(output string) string {
	for line := range strings.Lines(b.shown) {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSuffix(line, "\n")), "…", ".*")
		at := regexp.MustCompile("(?m)^" + pattern + "$").FindStringIndex(output)
		if at == nil {
			return line
		}
		output = output[at[1]:]
	}
	return ""
}

// An operator's procedures work, in the order of the document and in one shell,
// on a pair of the real services.
func TestOperationsAreAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	for service, name := range map[string]string{"auth": "authd", "resources": "resourcesd"} {
		program := filepath.Join(dir, ".bin", name)
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/"+name)
		cmd.Dir = "../../../../services/" + service
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if err := os.Symlink(program, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	r := beginIn(t, dir)
	if r.pids(t)["postgres"] == 0 {
		return // CockroachDB is backed up and killed by other commands
	}
	blocks := blocksOf(t, "../../../../docs/operations.md")
	script := "set -eu\n"
	mark := func(n int) string { return fmt.Sprintf("-- block %d --\n", n) }
	for n, b := range blocks {
		script += "printf '%s\\n' '" + strings.TrimSpace(mark(n)) + "'\n" + b.commands
	}
	script += "printf '%s\\n' '" + strings.TrimSpace(mark(len(blocks))) + "'\n"
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash")
	shell.Dir, shell.Stdin = dir, strings.NewReader(script)
	shell.Env = []string{"PATH=" + variable("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "LC_ALL=C.UTF-8"}
	shell.WaitDelay = 10 * time.Second
	said, err := shell.CombinedOutput()
	if err != nil {
		t.Errorf("the shell: %v", errors.Join(err, ctx.Err()))
	}
	_, rest, _ := strings.Cut(strings.ReplaceAll(string(said), "\r", ""), mark(0))
	for n, b := range blocks {
		output, after, done := strings.Cut(rest, mark(n+1))
		line := b.missing(output)
		if !done || line != "" {
			t.Fatalf("after\n%s\nthere is no line %q in\n%s", b.commands, line, output)
		}
		rest = after
	}
}
