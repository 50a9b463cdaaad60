package app_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tandem.example/pkg/env"
	"tandem.example/services/auth/internal/app"
)

const root = "../../../../"

// required are the clauses that the service is held to.
const required = `
ASVS 6.1.1 6.2.4 6.2.5 6.2.8 6.2.9 6.3.1 6.3.8 7.2.3 7.3.1 7.3.2 7.4.1 7.4.2 7.4.3 7.4.5 7.5.2 9.1.2 9.1.3 9.2.1 9.2.2 9.2.3
ASVS 10.3.1 10.4.4 10.4.5 10.4.8 10.4.10 11.2.2 11.2.4 11.4.2 11.5.1 14.2.1 14.3.2 16.2.5 16.3.1 16.5.2 16.5.3
RFC9700 2.2.2 2.3 4.14.2
RFC8725 3.1 3.8 3.10 3.11
RFC9068 2.2
RFC7009 2.2 2.2.1
RFC7662 2.1 2.2
RFC6749 3.2 5.1 5.2 6
RFC7518 3.2
`

// The table of docs/security.md has every clause, and for each a test that is
// there and names it.
func TestEveryRequirementHasItsTest(t *testing.T) {
	t.Parallel()
	row := regexp.MustCompile(`(?m)^\| (ASVS|RFC \d+) ([\d.]+) \|.*\| ([^|]*) \|$`)
	reference := regexp.MustCompile("`([a-z/]+) (Test\\w+)`")
	covered := map[string]bool{}
	for _, found := range row.FindAllStringSubmatch(read(t, "docs/security.md"), -1) {
		clause := strings.ReplaceAll(found[1], " ", "") + " " + found[2]
		for _, test := range reference.FindAllStringSubmatch(found[3], -1) {
			covered[clause] = true
			if !names(test[2]+source(t, test[1], test[2]), found[1], found[2]) {
				t.Errorf("%s: there is no %s in %s that names it", clause, test[2], test[1])
			}
		}
	}
	for line := range strings.Lines(strings.TrimSpace(required)) {
		family, numbers, _ := strings.Cut(strings.TrimSpace(line), " ")
		for number := range strings.FieldsSeq(numbers) {
			if !covered[family+" "+number] {
				t.Errorf("%s %s has no test in docs/security.md", family, number)
			}
		}
	}
}

// names tells whether a test's name, or one of its parts', has a clause in it.
func names(test, family, number string) bool {
	digits := strings.TrimPrefix(family, "RFC ")
	clause := regexp.MustCompile(digits + `(?:[ ,_\d.]*[ ,_A-Z])?` + strings.ReplaceAll(regexp.QuoteMeta(number), `\.`, `[._]`) + `(?:[ ,_]|$)`)
	return clause.MatchString(test)
}

// source is the text of a test, or nothing.
func source(tb testing.TB, dir, name string) string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
	if err != nil {
		tb.Fatal(err)
	}
	for _, file := range files {
		if _, text, found := strings.Cut(read(tb, strings.TrimPrefix(file, root)), "func "+name+"("); found {
			text, _, _ = strings.Cut(text, "\n}\n")
			return text
		}
	}
	return ""
}

func read(tb testing.TB, path string) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// How guessing is held back is documented where operators look for it: every
// limit by its name, with the default that it has.
func TestASVS_6_1_1_EveryLimitIsDocumented(t *testing.T) {
	t.Parallel()
	flows := read(t, "docs/auth.md")
	n := 0
	for _, v := range env.Variables[app.Config]() {
		if !strings.HasPrefix(v.Name, "LIMIT_") {
			continue
		}
		n++
		if row := regexp.MustCompile("(?m)^\\| `" + v.Name + "` \\| .* \\| `" + v.Default + "`: "); !row.MatchString(flows) {
			t.Errorf("docs/auth.md has no row for %s with its default %s", v.Name, v.Default)
		}
	}
	if n < 6 {
		t.Errorf("only %d limits", n)
	}
	for _, says := range []string{"locked out for good", "counted before its password is looked at", "Retry-After"} {
		if !strings.Contains(flows, says) {
			t.Errorf("docs/auth.md does not say %q", says)
		}
	}
}
