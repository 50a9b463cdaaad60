package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Series is several campaigns and one report.
type Series struct {
	Config
	Runs     int  // with seeds that follow one another
	Cripples bool // and then against builds that lack a part
}

// The outcomes of a series that are failures.
var (
	ErrViolated  = errors.New("there are violations")
	ErrNotCaught = errors.New("a crippled build was not caught")
)

// cripple is a part of the protocol that is left out, and the faults that are to
// show it.
type cripple struct{ part, what, faults string }

func cripples() []cripple {
	return []cripple{
		{"marker", "no marker: readers fill while a write is under way", ""},
		{"deadline", "a marker with a TTL in place of a question to the database", "after mark"},
		{"lease", "fills without a lease", "instance"},
		{"epoch", "no epoch: whatever answers is Redis", "old dump"},
	}
}

const crippleTries = 5 // seeds until one shows it

// Run runs them one after the other and writes the report.
func (s Series) Run(ctx context.Context, report io.Writer) error {
	var whole, lame []*Result
	failed := error(nil)
	for n := range s.Runs {
		c := s.Config
		c.Seed += uint64(n)
		result, err := Run(ctx, c)
		if err != nil {
			return fmt.Errorf("seed %d: %w", c.Seed, err)
		}
		if err := result.Write(s.Pair.Out); err != nil {
			return err
		}
		if result.Findings.Violations() > 0 {
			failed = errors.Join(failed, fmt.Errorf("%w: seed %d", ErrViolated, c.Seed))
		}
		whole = append(whole, result)
	}
	if s.Cripples {
		for _, part := range cripples() {
			result, err := s.against(ctx, part)
			if err != nil {
				return fmt.Errorf("without %s: %w", part.part, err)
			}
			if result.Findings.Violations() == 0 {
				failed = errors.Join(failed, fmt.Errorf("%w: %s", ErrNotCaught, part.part))
			}
			lame = append(lame, result)
		}
	}
	return errors.Join(failed, writeReport(report, whole, lame))
}

// against runs a crippled build until it is caught.
func (s Series) against(ctx context.Context, part cripple) (result *Result, err error) {
	for try := range crippleTries {
		c := s.Config
		c.Crippled, c.Faults, c.Stories = part.part, part.faults, ""
		c.Seed += uint64(try)
		c.Pair.RunDir = filepath.Join(c.Pair.RunDir, part.part)
		if result, err = Run(ctx, c); err != nil {
			return nil, err
		}
		result.What, result.Tries = part.what, try+1
		if err := result.Write(s.Pair.Out); err != nil {
			return nil, err
		}
		if result.Findings.Violations() > 0 {
			break
		}
	}
	return result, nil
}

// writeReport is the document that a series leaves.
func writeReport(out io.Writer, whole, lame []*Result) error {
	var b strings.Builder
	total, faults, bad := 0, 0, 0
	for _, r := range whole {
		total, faults, bad = total+r.Operations, faults+len(r.Injections), bad+r.Findings.Violations()
	}
	b.WriteString("# What the fault campaign found\n\nWritten by `make chaos-report`; [ADR 23](adr/0023-a-campaign-of-faults.md) says what is done and how it is judged.\n\n")
	fmt.Fprintf(&b, "**%d operations in %d runs under %d faults: %d violations.**\n\n", total, len(whole), faults, bad)
	if len(lame) > 0 {
		b.WriteString("The same campaign against crippled builds:\n\n| what is left out | runs | operations of the last | hit ratio | violations | of them tokens |\n|---|--:|--:|--:|--:|--:|\n")
		for _, r := range lame {
			fmt.Fprintf(&b, "| %s | %d | %d | %.1f %% | %d | %d |\n", r.What, r.Tries, r.Operations, r.hitRatio(), r.Findings.Violations(), len(r.Findings.Tokens))
		}
		b.WriteString("\n")
	}
	if _, err := io.WriteString(out, b.String()); err != nil {
		return err
	}
	for _, r := range whole {
		if err := r.Write(out); err != nil {
			return err
		}
	}
	return nil
}
