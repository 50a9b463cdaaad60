package model

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Spin checks runs with the program of that name and a C compiler.
type Spin struct {
	Models  string // the directory of the models
	Stories string // where counterexamples are written
	Memory  int    // of one verifier, in megabytes
}

// maxDepth is far beyond what any run gets to; one that did would say so.
const maxDepth = 1_000_000

// Check translates a model into its verifier, compiles it and runs it. A
// violation is looked for breadth first, so that its story is the shortest.
func (s Spin) Check(ctx context.Context, r Run) (Report, error) {
	report, err := s.check(ctx, r)
	if ctx.Err() != nil {
		report, err = Report{Partial: "out of time"}, nil // whatever was killed for it
	}
	return report, err
}

func (s Spin) check(ctx context.Context, r Run) (Report, error) {
	source := r.Model + ".pml"
	text, err := os.ReadFile(filepath.Join(s.Models, source)) //nolint:gosec // a name from runs.txt
	if err != nil {
		return Report{}, err
	}
	dir, err := os.MkdirTemp("", "model-")
	if err != nil {
		return Report{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// A copy, since Spin puts the trail beside it.
	if err := os.WriteFile(filepath.Join(dir, source), text, 0o600); err != nil { //nolint:gosec // a name from runs.txt
		return Report{}, err
	}
	if _, err := tool(ctx, dir, "spin", append(r.defines(), "-a", source)...); err != nil {
		return Report{}, err
	}
	args := []string{"-w", "-DSAFETY", "-DMEMLIM=" + strconv.Itoa(s.Memory), "-o", "pan", "pan.c"}
	if r.Holds {
		args = append(args, "-O2")
	} else {
		args = append(args, "-O0", "-DBFS") // found sooner than the compiler optimises
	}
	if r.Large {
		args = append(args, "-DCOLLAPSE") // slower, and half the memory
	}
	if _, err := tool(ctx, dir, "cc", args...); err != nil {
		return Report{}, err
	}
	begun := time.Now()
	out, err := tool(ctx, dir, "./pan", "-m"+strconv.Itoa(maxDepth))
	report := parseReport(out)
	report.Took = time.Since(begun)
	switch {
	case report.Violated:
		return report, s.tell(ctx, dir, source, r)
	case report.Partial != "": // a verifier that is out of memory ends with an error, too
		return report, nil
	default:
		return report, err
	}
}

// tell writes the steps to the violation down.
func (s Spin) tell(ctx context.Context, dir, source string, r Run) error {
	out, err := tool(ctx, dir, "spin", append(r.defines(), "-t", "-T", source)...)
	if err != nil {
		return err
	}
	story, _, _ := strings.Cut(out, "spin: ")
	head := fmt.Sprintf("%s.pml with %s\n\n", r.Model, strings.Join(r.Defines, " "))
	return os.WriteFile(filepath.Join(s.Stories, r.Name()+".txt"), []byte(head+story), 0o600)
}

// tool runs a program and gives what it printed. Its error tells that as well.
func tool(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // the programs are those above
	cmd.Dir = dir
	cmd.WaitDelay = time.Second // for what a killed compiler leaves
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if _, failed := errors.AsType[*exec.ExitError](err); failed && ctx.Err() == nil {
		err = fmt.Errorf("%s: %w: %s", name, err, out.String())
	}
	return out.String(), err
}
