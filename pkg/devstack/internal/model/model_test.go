package model

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const models = "../../../../docs/model"

func TestParseRuns(t *testing.T) {
	t.Parallel()
	runs, err := ParseRuns(strings.NewReader("# a comment\n\ncore complete holds small # as it is\ncore weak violated large A B=2\n"))
	if err != nil || len(runs) != 2 {
		t.Fatalf("%+v, %v", runs, err)
	}
	if r := runs[0]; !r.Holds || r.Large || len(r.Defines) != 0 || r.Name() != "core-complete" {
		t.Errorf("first: %+v", r)
	}
	if r := runs[1]; r.Holds || !r.Large || !slices.Equal(r.defines(), []string{"-DA", "-DB=2"}) {
		t.Errorf("second: %+v", r)
	}
	for _, bad := range []string{"", "core complete holds", "core complete maybe small", "core complete holds huge"} {
		if _, err := ParseRuns(strings.NewReader(bad)); !errors.Is(err, errRuns) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

const (
	full = "\nFull statespace search for:\n\tassertion violations\t+\n\nState-vector 88 byte, depth reached 632, errors: 0\n   124436 states, stored\n"
	dead = "unreached in proctype Writer\n\tcore.pml:12, state 9, \"x = 1\"\n\tcore.pml:40, state 11, \"-end-\"\n\t(1 of 11 states)\n"
)

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for want, out := range map[string]string{
		"holds":                                 full + "\tcore.pml:40, state 11, \"-end-\"\n",
		"never gets to line 12":                 full + dead,
		"violated":                              "pan:1: assertion violated (got>=least) (at depth 42)\n" + strings.Replace(full, "errors: 0", "errors: 1", 1) + dead,
		"another error":                         "pan:1: invalid end state (at depth 9)\n" + strings.Replace(full, "errors: 0", "errors: 1", 1),
		"not exhaustive: deeper than the bound": "error: max search depth too small\n" + full,
		"not exhaustive: out of memory":         "pan: reached -DMEMLIM bound\n" + full,
		"not exhaustive: sampled":               "Bit statespace search for:\n" + full,
		"not finished":                          "",
	} {
		if got := parseReport(out).verdict(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	if r := parseReport(full); r.States != 124436 || r.Depth != 632 {
		t.Errorf("%+v", r)
	}
}

type answers map[string]string // a verifier's output by variant

func (a answers) Check(_ context.Context, r Run) (Report, error) {
	if out, ok := a[r.Variant]; ok {
		return parseReport(out), nil
	}
	return Report{}, errors.New("spin: no such file")
}

func TestWhatIsNotAsExpectedFails(t *testing.T) {
	t.Parallel()
	caught := "pan:1: assertion violated\n" + strings.Replace(full, "errors: 0", "errors: 1", 1)
	results := answers{"holds": full, "violated": caught, "partial": "pan: reached -DMEMLIM bound\n" + full}
	for _, c := range []struct {
		run Run
		ok  bool
	}{
		{Run{Variant: "holds", Holds: true}, true},
		{Run{Variant: "violated"}, true},
		{Run{Variant: "violated", Holds: true}, false},
		{Run{Variant: "holds"}, false},
		{Run{Variant: "partial", Holds: true}, false},
		{Run{Variant: "partial"}, false},
		{Run{Variant: "unknown", Holds: true}, false},
	} {
		var out strings.Builder
		err := Table(t.Context(), &out, results, []Run{c.run}, 1)
		if (err == nil) != c.ok || errors.Is(err, ErrUnexpected) == c.ok || strings.Contains(out.String(), "<--") == c.ok {
			t.Errorf("%+v: %v\n%s", c.run, err, out.String())
		}
	}
}

func TestTheTableKeepsTheOrder(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	err := Table(t.Context(), &out, answers{"a": full, "b": full, "c": full},
		[]Run{{Variant: "a", Holds: true}, {Variant: "b", Holds: true}, {Variant: "c", Holds: true}}, 2)
	if !regexp.MustCompile(`(?s) a .* b .* c .*3 runs`).MatchString(out.String()) || err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
}

var (
	directive = regexp.MustCompile(`(?m)^\s*#\s*(?:if|ifdef|ifndef|elif)\b.*$`)
	word      = regexp.MustCompile(`[A-Z][A-Z_]+`)
)

// A switch that no run sets, or a run that sets one that is not there, would
// prove nothing; and whoever reads the table finds every variant explained.
func TestEverySwitchIsRunAndExplained(t *testing.T) {
	t.Parallel()
	file, err := os.Open(filepath.Join(models, "runs.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	runs, err := ParseRuns(file)
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(models, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	set, names := map[string]bool{}, map[string]bool{}
	for _, r := range runs {
		for _, d := range r.Defines {
			name, _, _ := strings.Cut(d, "=")
			set[r.Model+" "+name] = true
		}
		if names[r.Name()] {
			t.Errorf("%s is listed twice", r.Name())
		}
		names[r.Name()] = true
		if !r.Holds && !strings.Contains(string(readme), "`"+r.Variant+"`") {
			t.Errorf("README.md does not say what %s %s is", r.Model, r.Variant)
		}
	}
	known := map[string]bool{}
	files, _ := filepath.Glob(filepath.Join(models, "*.pml"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		model := strings.TrimSuffix(filepath.Base(file), ".pml")
		for _, line := range directive.FindAllString(string(text), -1) {
			for _, name := range word.FindAllString(line, -1) {
				known[model+" "+name] = true
			}
		}
		if !names[model+"-complete"] {
			t.Errorf("%s.pml is never run as it is", model)
		}
	}
	for name := range known {
		_, s, _ := strings.Cut(name, " ")
		if !slices.Contains([]string{"WRITERS", "READERS", "CELLS", "EPOCHS", "CALLERS"}, s) && !set[name] {
			t.Errorf("no run sets %s", name)
		}
	}
	for name := range set {
		if !known[name] {
			t.Errorf("no model knows %s", name)
		}
	}
}

var step = regexp.MustCompile(`model: (\w+)\.pml(?: and (\w+)\.pml)?, (\w+)(?:; (\w+)\.pml, (\w+))?`)

// The comments that say which step of a model a piece of code is, name steps
// that the models have.
func TestCommentsNameSteps(t *testing.T) {
	t.Parallel()
	text := map[string]string{}
	files, _ := filepath.Glob(filepath.Join(models, "*.pml"))
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text[strings.TrimSuffix(filepath.Base(file), ".pml")] = string(b)
	}
	found := map[string]bool{}
	check := func(file, model, name string) {
		if model == "" {
			return
		}
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(text[model]) {
			t.Errorf("%s: %s.pml has no step %s", file, model, name)
		}
		found[model] = true
	}
	for _, pattern := range []string{"../../../coherent/*.lua", "../../../coherent/*.go", "../../../epoch/*.go"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range step.FindAllStringSubmatch(string(b), -1) {
				check(file, m[1], m[3])
				check(file, m[2], m[3])
				check(file, m[4], m[5])
			}
		}
	}
	for _, model := range []string{"core", "gen", "epoch", "flight"} {
		if !found[model] {
			t.Errorf("no code names a step of %s.pml", model)
		}
	}
}
