package check

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

const runbook = root + "/docs/operations.md"

// anchor is what a heading is linked by.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '-':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		}
		return -1
	}, heading)
}

// TestRunbooks has a section about each alert, with its cause and what to do, and
// none about an alert that there is not.
func TestRunbooks(t *testing.T) {
	t.Parallel()
	text := read(t, runbook)
	_, alerts, _ := strings.Cut(text, "\n## Alerts\n")
	alerts, _, _ = strings.Cut(alerts, "\n## ")
	sections := map[string]string{}
	for section := range strings.SplitSeq(alerts, "\n### ") {
		if name, body, ok := strings.Cut(section, "\n"); ok && strings.HasPrefix(name, "Tandem") {
			sections[name] = body
		}
	}
	all := rules(t)
	names, headings := slices.Sorted(maps.Keys(all)), slices.Sorted(maps.Keys(sections))
	if !slices.Equal(names, headings) {
		t.Errorf("the alerts are %v, the sections %v", names, headings)
	}
	for name, body := range sections {
		if !strings.Contains(body, "**Cause**: ") || !strings.Contains(body, "**Action**: ") {
			t.Errorf("%s: no cause or no action: %s", name, body)
		}
		if got, want := all[name].Annotations["runbook_url"], "https://tandem.example/docs/operations.md#"+anchor(name); got != want {
			t.Errorf("%s leads to %s, not to %s", name, got, want)
		}
	}
}

// TestRunbooksOfTheRelease lead to wherever the values say.
func TestRunbooksOfTheRelease(t *testing.T) {
	t.Parallel()
	made := as[monitoringRules](t, mustRender(t, read(t, "testdata/everything.yaml")), "PrometheusRule/tandem")
	for _, group := range made.Spec.Groups {
		for _, r := range group.Rules {
			if got, want := r.Annotations["runbook_url"], "https://wiki.example.com/tandem#"+anchor(r.Alert); got != want {
				t.Errorf("%s leads to %s, not to %s", r.Alert, got, want)
			}
		}
	}
}

// TestTheRunbooksOwnLinks lead to sections and files that are there: at night
// nobody has time to look for them.
func TestTheRunbooksOwnLinks(t *testing.T) {
	t.Parallel()
	headings := regexp.MustCompile(`(?m)^#+ (.*)$`)
	for _, link := range regexp.MustCompile(`\]\(([^)]*)\)`).FindAllStringSubmatch(read(t, runbook), -1) {
		file, fragment, _ := strings.Cut(link[1], "#")
		if file == "" {
			file = "operations.md"
		}
		text := read(t, root+"/docs/"+file)
		var anchors []string
		for _, heading := range headings.FindAllStringSubmatch(text, -1) {
			anchors = append(anchors, anchor(heading[1]))
		}
		if fragment != "" && !slices.Contains(anchors, fragment) {
			t.Errorf("%s: no such section", link[1])
		}
	}
}
