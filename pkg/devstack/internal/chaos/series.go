package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"
)

// Series is several campaigns and one report.
type Series struct {
	Config
	Runs     int    // at least, with seeds that follow one another
	Answers  int    // operations that are to be answered in all of them together, in twice as many runs at most
	Cripples string // and then against builds that lack one of these parts; "all" for each
}

// The outcomes of a series that are failures.
var (
	ErrViolated  = errors.New("there are violations")
	ErrUndecided = errors.New("there are histories that could not be judged")
	ErrNotCaught = errors.New("a crippled build was not caught")
)

// cripple is a part of the protocol that is left out, and the faults that are to
// show it.
type cripple struct{ part, what, faults string }

func cripples(wanted string) (all []cripple) {
	for _, c := range []cripple{
		{"marker", "no marker: readers fill while a write is under way", "writer stopped"},
		{"deadline", "a marker with a TTL in place of a question to the database", "writer stopped"},
		{"lease", "fills without a lease", "reader stopped"},
		{"epoch", "no epoch: whatever answers is Redis", "old dump"},
	} {
		if wanted == "all" || wanted == c.part {
			all = append(all, c)
		}
	}
	return all
}

const (
	crippleTries = 3                // seeds until one shows it; the first is to
	crippleFor   = 15 * time.Second // at most
)

// caught is what became of a crippled build.
type caught struct {
	cripple
	tries, shown int // runs, and faults in them that were to show it
	*Result
}

// escaped tells that it was not caught although there was every occasion. On a
// machine that is too slow for the faults to come about nothing can be told.
func (c caught) escaped() bool { return c.Findings.Violations() == 0 && c.shown > 0 }

// Run runs them one after the other and writes the report.
func (s Series) Run(ctx context.Context, report io.Writer) error {
	var whole []*Result
	var lame []caught
	failed, answered := error(nil), 0
	for n := 0; n < s.Runs || answered < s.Answers && n < 2*s.Runs; n++ {
		c := s.Config
		c.Seed += uint64(n)
		if n%2 == 1 {
			c.Overlap = 1 // so that the effect of each fault can be told
			c.Share, c.Shares = n/2, s.Runs/2
		}
		result, err := Run(ctx, c)
		if err != nil {
			return fmt.Errorf("seed %d: %w", c.Seed, err)
		}
		if err := result.Write(s.Pair.Out); err != nil {
			return err
		}
		if err := result.Findings.Verdict(); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%w: seed %d", err, c.Seed))
		}
		whole, answered = append(whole, result), answered+result.Answered
	}
	for _, part := range cripples(s.Cripples) {
		result, err := s.against(ctx, part)
		if err != nil {
			return fmt.Errorf("without %s: %w", part.part, err)
		}
		if result.escaped() {
			failed = errors.Join(failed, fmt.Errorf("%w: %s", ErrNotCaught, part.part))
		}
		lame = append(lame, result)
	}
	return errors.Join(failed, writeReport(report, whole, lame))
}

// against runs a crippled build until it is caught.
func (s Series) against(ctx context.Context, part cripple) (c caught, err error) {
	c.cripple = part
	for c.tries = 1; c.tries <= crippleTries; c.tries++ {
		o := s.Config
		o.Crippled, o.Faults, o.Stories, o.Overlap = part.part, part.faults, "", 1
		o.Seed += uint64(c.tries)
		o.Length = min(o.Length, crippleFor)
		o.Pair.RunDir = filepath.Join(o.Pair.RunDir, part.part)
		if c.Result, err = Run(ctx, o); err != nil {
			return c, err
		}
		if err := c.Write(s.Pair.Out); err != nil {
			return c, err
		}
		for _, i := range c.Injections {
			if !i.missed {
				c.shown++
			}
		}
		if c.Findings.Violations() > 0 {
			break
		}
	}
	return c, nil
}

// writeReport is the document that a series leaves.
func writeReport(out io.Writer, whole []*Result, lame []caught) error {
	var b strings.Builder
	total, answered, faults, bad, slow, hits, reads := 0, 0, 0, 0, 0, 0, 0
	for _, r := range whole {
		total, answered, faults = total+r.Operations, answered+r.Answered, faults+len(r.Injections)
		bad, slow, hits, reads = bad+r.Findings.Violations(), slow+len(r.Findings.Undecided), hits+r.Hits, reads+r.Reads
	}
	b.WriteString("# What the fault campaign found\n\nWritten by `make chaos-report`; [ADR 23](adr/0023-a-campaign-of-faults.md) says what is done and how it is judged.\n\n")
	fmt.Fprintf(&b, "**%d operations (%d of them answered) in %d runs under %d faults: %d violations**; %d histories not judged; hit ratio %.1f %%\n(one read in ten asks for no cache, and a few resources get all writes: a load that is to find mistakes, not to be fast).\n\n",
		total, answered, len(whole), faults, bad, slow, 100*float64(hits)/float64(max(1, reads)))
	if len(lame) > 0 {
		b.WriteString("The same campaign against crippled builds, with the faults that are to show what is missing:\n\n" +
			"| what is left out | faults | runs until caught | operations | hit ratio | violations: items | lists | tokens |\n|---|---|--:|--:|--:|--:|--:|--:|\n")
		for _, r := range lame {
			fmt.Fprintf(&b, "| %s | %s | %s | %d | %.1f %% | %d | %d | %d |\n", r.what, strings.Join(names(chosen(r.faults)), ", "), r.outcome(),
				r.Operations, r.hitRatio(), len(r.Findings.Items), len(r.Findings.Lists), len(r.Findings.Tokens))
		}
		b.WriteString("\n")
	}
	b.WriteString("All faults of the runs against the whole build. How long nobody, or not everybody, was answered is told of the runs " +
		"that have one fault at a time, from its beginning until all was calm again.\n\n")
	writeFaults(&b, whole)
	b.WriteString("\n")
	for _, r := range whole {
		r.tell(&b)
	}
	_, err := io.WriteString(out, strings.TrimRight(b.String(), "\n")+"\n")
	return err
}

func (c caught) outcome() string {
	switch {
	case c.escaped():
		return "**not caught**"
	case c.Findings.Violations() == 0:
		return "too slow to tell"
	}
	return fmt.Sprint(c.tries)
}

func names(faults []fault) (all []string) {
	for _, f := range faults {
		all = append(all, f.name)
	}
	return all
}
