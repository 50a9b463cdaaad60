package chaos

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

const judgeFor = 15 * time.Second // for one key; none takes a hundredth of it

// Findings are what the campaign holds against the pair.
type Findings struct {
	Items, Lists []string // keys whose history no sequential world could have
	Twice        []string // Idempotency-Keys that made two things
	Tokens       []string // ended tokens that were let in
	Stale        []string // entries of the neighbour's map
	Missing      int      // committed changes that the subscriber did not hear of
	Disordered   int      // events after a later one of the same resource
	Unpublished  int
	Crashes      []string // instances that ended of themselves
	Lost         []string // requests that got no answer although nobody did harm
	Undecided    []string // histories that were too much to judge, as one that breaks the law may be
	Slow         []string // what could not be told in time; no violation, and no proof either
}

// Violations is how many there are.
func (f Findings) Violations() int {
	return len(f.Items) + len(f.Lists) + len(f.Twice) + len(f.Tokens) + len(f.Stale) + len(f.Crashes) + len(f.Lost) + f.Missing + f.Disordered + f.Unpublished
}

// Verdict is what a series fails with, or nil.
func (f Findings) Verdict() error {
	switch {
	case f.Violations() > 0:
		return ErrViolated
	case len(f.Undecided) > 0:
		return ErrUndecided
	}
	return nil
}

func (s *scene) judge(sub *subscriber, truth truth, injections []injection) *Result {
	r := &Result{
		Seed: s.Seed, Crippled: s.Crippled, Faults: s.Faults, Overlap: s.Overlap, Length: s.Length, Injections: injections,
		Hits: s.tally.hits, Reads: s.tally.reads, By: s.tally.by, Codes: s.tally.codes,
		Keys: len(s.traders.log.keys), Groups: len(s.joiners.log.keys), Aborted: truth.aborted,
		RevokedTokens: len(s.revoker.dead), Shown: s.revoker.asked, WriteKeys: len(s.keys.ids), MirrorReads: s.neighbour.reads.Load(), MirrorHits: s.neighbour.hits.Load(), Flushes: fmt.Sprint(sub.flushes),
	}
	r.Operations, r.Answered = s.tally.totals()
	for i := range injections {
		injections[i].down, injections[i].partly = s.tally.down(injections[i].begin, injections[i].end)
	}
	for _, versions := range truth.committed {
		r.Events += len(versions)
	}
	began := time.Now()
	c, f := court{s.Stories}, &r.Findings
	var undecided []string
	f.Items, f.Undecided = c.items(s.traders.log, truth)
	f.Lists, undecided = c.lists(s.joiners.log, truth)
	f.Undecided = append(f.Undecided, undecided...)
	f.Twice = s.keys.check(truth.created)
	f.Tokens, f.Crashes = s.revoker.let, s.crashes
	f.Missing, f.Disordered = sub.account(truth.committed)
	f.Unpublished = truth.unpublished
	if truth.slow && f.Missing+f.Unpublished > 0 {
		f.Slow = append(f.Slow, fmt.Sprintf("%d events, of them %d unpublished, were still to come", f.Missing, f.Unpublished))
		f.Missing, f.Unpublished = 0, 0
	}
	s.say("judged %d operations in %.1f s", r.Operations, time.Since(began).Seconds())
	return r
}

// court judges histories, and writes those that break the law to a directory.
type court struct{ dir string }

func (c court) items(l *log[itemOp], t truth) (bad, undecided []string) {
	model := itemModel()
	for _, id := range sortedKeys(l.keys) {
		history := settle(l.keys[id], t.committed[itemType+"."+id], !t.live[id])
		ops, lines := told(history)
		c.judge("item", id, model, ops, lines, &bad, &undecided)
	}
	return bad, undecided
}

func (c court) lists(l *log[memberOp], t truth) (bad, undecided []string) {
	model := memberModel()
	for _, kind := range sortedKeys(l.keys) {
		history := settleMembers(l.keys[kind], t.live)
		slices.SortFunc(history, func(a, b memberOp) int { return cmp.Compare(a.begin, b.begin) })
		ops, lines := told(history)
		c.judge("list", kind, model, ops, lines, &bad, &undecided)
	}
	return bad, undecided
}

// told is a history as it is judged, and as it is written down.
func told[Op interface {
	operation() porcupine.Operation
	told() string
}](history []Op) (ops []porcupine.Operation, lines func() []string) {
	for _, op := range history {
		ops = append(ops, op.operation())
	}
	return ops, func() (text []string) {
		for _, op := range history {
			text = append(text, op.told())
		}
		return text
	}
}

func (c court) judge(what, key string, model porcupine.Model, ops []porcupine.Operation, lines func() []string, bad, undecided *[]string) {
	verdict := porcupine.CheckOperationsTimeout(model, ops, judgeFor)
	name := what + " " + key
	switch verdict {
	case porcupine.Ok:
		return
	case porcupine.Unknown:
		*undecided = append(*undecided, name)
	case porcupine.Illegal:
		*bad = append(*bad, name)
	}
	if c.dir == "" {
		return
	}
	file := filepath.Join(c.dir, strings.ReplaceAll(name, " ", "-"))
	_ = os.WriteFile(file+".txt", []byte(strings.Join(lines(), "\n")+"\n"), 0o600) // the finding stands without it
	if len(*bad)+len(*undecided) > 3 {
		return // enough to look at
	}
	_, info := porcupine.CheckOperationsVerbose(model, ops, judgeFor)
	_ = porcupine.VisualizePath(model, info, file+".html") // likewise
}

func line(s span, client int, text string) string {
	end := "?"
	if s.end != never {
		end = time.Duration(s.end).Round(time.Microsecond).String()
	}
	return fmt.Sprintf("%s … %s  client %d  %s", time.Duration(s.begin).Round(time.Microsecond), end, client, text)
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
