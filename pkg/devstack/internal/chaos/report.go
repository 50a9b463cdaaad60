package chaos

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Result is one campaign.
type Result struct {
	Seed     uint64
	Crippled string
	Faults   string
	Overlap  int
	Length   time.Duration
	Findings Findings

	Operations, Answered    int
	Hits, Reads             int
	By, Codes               map[string]int
	Injections              []injection
	Keys, Groups            int
	WriteKeys               int // Idempotency-Keys under which something was made
	Events, Aborted         int
	RevokedTokens, Shown    int
	Flushes                 string
	MirrorReads, MirrorHits int64
	Mirrored                int    // entries of the neighbour's map at the end
	Isolation               string // the database's default
}

// Write tells about one campaign as Markdown.
func (r *Result) Write(out io.Writer) error {
	var b strings.Builder
	r.tell(&b)
	writeFaults(&b, []*Result{r})
	b.WriteString("\n")
	_, err := io.WriteString(out, b.String())
	return err
}

// tell is all but the faults.
func (r *Result) tell(b *strings.Builder) {
	fmt.Fprintf(b, "## Seed %d, %s%s%s\n\n", r.Seed, r.Length, overlapping(r.Overlap), crippledAs(r.Crippled))
	fmt.Fprintf(b, "%d operations, %d answered (%s); %d resources, %d lists, %d events, %d writes decided against by a resolver, %d creations under keys; ",
		r.Operations, r.Answered, counts(r.By), r.Keys, r.Groups, r.Events, r.Aborted, r.WriteKeys)
	fmt.Fprintf(b, "the server's default isolation: %s; hit ratio %.1f %%; %d tokens ended, refused %d times; not answered: %s; flushes: %s; the neighbour's map answered %d of %d reads and held %d resources at the end.\n\n",
		r.Isolation, r.hitRatio(), r.RevokedTokens, r.Shown, counts(r.Codes), r.Flushes,
		r.MirrorHits, r.MirrorReads, r.Mirrored)
	f := r.Findings
	fmt.Fprintf(b, "**%d violations**: %d resources, %d lists, %d keys that made two things, %d ended tokens let in, %d stale in the neighbour's map, %d events missing, %d out of order, %d unpublished, %d crashes.\n",
		f.Violations(), len(f.Items), len(f.Lists), len(f.Twice), len(f.Tokens), len(f.Stale), f.Missing, f.Disordered, f.Unpublished, len(f.Crashes))
	for _, what := range slices.Concat(f.Items, f.Lists, f.Twice, f.Tokens, f.Stale, f.Crashes) {
		fmt.Fprintf(b, "- %s\n", what)
	}
	for _, what := range slices.Concat(f.Undecided, f.Slow) {
		fmt.Fprintf(b, "- too slow to tell: %s\n", what)
	}
	b.WriteString("\n")
}

// writeFaults is a table of what was done in these campaigns. Unavailability is
// told of those that had one fault at a time.
func writeFaults(b *strings.Builder, results []*Result) {
	type sum struct {
		times, missed, alone int
		down, partly         time.Duration
	}
	sums := map[string]*sum{}
	for _, r := range results {
		for _, i := range r.Injections {
			s := sums[i.name]
			if s == nil {
				s = &sum{}
				sums[i.name] = s
			}
			if i.missed {
				s.missed++
				continue
			}
			s.times++
			if r.Overlap <= 1 {
				s.alone++
				s.down += i.down
				s.partly += i.partly
			}
		}
	}
	b.WriteString("| fault | times | did not come about | nobody answered, each | some were not answered, each |\n|---|--:|--:|--:|--:|\n")
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		s := sums[name]
		down, partly := "", ""
		if s.alone > 0 {
			down, partly = each(s.down, s.alone), each(s.partly, s.alone)
		}
		fmt.Fprintf(b, "| %s | %d | %d | %s | %s |\n", name, s.times, s.missed, down, partly)
	}
}

func each(d time.Duration, n int) string {
	return (d / time.Duration(n)).Round(10 * time.Millisecond).String()
}

func (r *Result) hitRatio() float64 { return 100 * float64(r.Hits) / float64(max(1, r.Reads)) }

func overlapping(n int) string {
	if n <= 1 {
		return ", one fault at a time"
	}
	return fmt.Sprintf(", %d faults at a time", n)
}

func crippledAs(part string) string {
	if part == "" {
		return ""
	}
	return ", crippled: " + part
}

// counts lists a map, the most first.
func counts(m map[string]int) string {
	names := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, m[name])
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
