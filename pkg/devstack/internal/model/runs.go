// Package model runs the Promela models of the cache through Spin, compares what
// comes out with what is expected, and keeps to a limit of time and memory.
package model

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Run is one line of runs.txt: a model with some of its switches set.
type Run struct {
	Model   string // the file, without .pml
	Variant string
	Holds   bool // no violation is expected; otherwise one is
	Large   bool // not among the small bounds
	Defines []string
}

var errRuns = errors.New("runs.txt")

// ParseRuns reads the list of runs. Its columns are the model, the variant, what
// is expected (holds, violated), the bounds it belongs to (small, large) and the
// switches; what follows a # is a comment.
func ParseRuns(r io.Reader) ([]Run, error) {
	var runs []Run
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		if len(words) < 4 || !slices.Contains([]string{"holds", "violated"}, words[2]) || !slices.Contains([]string{"small", "large"}, words[3]) {
			return nil, fmt.Errorf("%w: line %d: want: model variant holds|violated small|large [switch …]", errRuns, n)
		}
		runs = append(runs, Run{
			Model: words[0], Variant: words[1], Holds: words[2] == "holds", Large: words[3] == "large", Defines: words[4:],
		})
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("%w: it lists nothing", errRuns)
	}
	return runs, lines.Err()
}

// Name tells the run from all others.
func (r Run) Name() string { return r.Model + "-" + r.Variant }

func (r Run) expected() string {
	if r.Holds {
		return verdictHolds
	}
	return verdictViolated
}

// defines are the arguments for Spin.
func (r Run) defines() []string {
	args := make([]string, len(r.Defines))
	for i, d := range r.Defines {
		args[i] = "-D" + d
	}
	return args
}
