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

// Write tells about one campaign as Markdown.
func (r *Result) Write(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## Seed %d, %s%s\n\n", r.Seed, r.Length, crippledAs(r.Crippled))
	fmt.Fprintf(&b, "%d operations (%s); %d resources, %d lists, %d events, %d writes decided against by a resolver;\n",
		r.Operations, counts(r.By), r.Keys, r.Groups, r.Events, r.Aborted)
	fmt.Fprintf(&b, "server default isolation: %s; ", r.Isolation)
	fmt.Fprintf(&b, "hit ratio %.1f %%; %d tokens revoked, refused %d times; answers that were none: %s; flushes: %s.\n\n",
		r.hitRatio(), r.RevokedTokens, r.Shown, counts(r.Codes), r.Flushes)
	b.WriteString("| fault | times | unavailable, each |\n|---|--:|--:|\n")
	times, down := map[string]int{}, map[string]time.Duration{}
	for _, i := range r.Injections {
		times[i.name]++
		down[i.name] += i.down
	}
	for _, name := range slices.Sorted(maps.Keys(times)) {
		fmt.Fprintf(&b, "| %s | %d | %s |\n", name, times[name], (down[name] / time.Duration(times[name])).Round(10*time.Millisecond))
	}
	f := r.Findings
	fmt.Fprintf(&b, "\n**%d violations**: %d resources, %d lists, %d undecided, %d revoked tokens let in, %d events missing, %d out of order, %d unpublished.\n",
		f.Violations(), len(f.Items), len(f.Lists), len(f.Undecided), len(f.Tokens), f.Missing, f.Disordered, f.Unpublished)
	for _, what := range slices.Concat(f.Items, f.Lists, f.Undecided, f.Tokens) {
		fmt.Fprintf(&b, "- %s\n", what)
	}
	b.WriteString("\n")
	_, err := io.WriteString(out, b.String())
	return err
}

func (r *Result) hitRatio() float64 { return 100 * float64(r.Hits) / float64(max(1, r.Reads)) }

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
