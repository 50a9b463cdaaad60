package check

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// exceptions are checks of kube-score that the chart does not meet, and why.
var exceptions = map[string]string{
	"container-image-pull-policy": "tags and digests are never moved; a node that has the image must start a pod without the registry",
}

const critical = 1

// TestScore lets kube-score find nothing critical, whatever is switched on.
func TestScore(t *testing.T) {
	t.Parallel()
	excused := map[string]bool{}
	for name, values := range valueSets(t) {
		if name == "dev" {
			continue // one pod of each, on purpose
		}
		for _, finding := range score(t, mustRender(t, values)) {
			if exceptions[finding.check] == "" {
				t.Errorf("%s: %s: %s", name, finding.check, finding.text)
			}
			excused[finding.check] = true
		}
	}
	for check := range exceptions {
		if !excused[check] {
			t.Errorf("%s needs no exception any more", check)
		}
	}
}

type finding struct{ check, text string }

func score(t *testing.T, r rendered) []finding {
	t.Helper()
	var manifest strings.Builder
	for _, name := range r.names() {
		text, err := yaml.Marshal(r.objects[name].Object)
		if err != nil {
			t.Fatal(err)
		}
		manifest.WriteString("---\n")
		manifest.Write(text)
	}
	// A CPU limit throttles a pod that has work while its node has none.
	cmd := exec.CommandContext(t.Context(), "go", "tool", "-modfile=kube-score.mod", "kube-score", "score",
		"--kubernetes-version", "v1.32", "--ignore-container-cpu-limit", "--output-format", "json", "-")
	cmd.Stdin = strings.NewReader(manifest.String())
	out, err := cmd.Output() // which fails when there are findings
	var report []struct {
		Name   string `json:"object_name"`
		Checks []struct {
			Check struct {
				ID string `json:"id"`
			} `json:"check"`
			Grade    int  `json:"grade"`
			Skipped  bool `json:"skipped"`
			Comments []struct {
				Path    string `json:"path"`
				Summary string `json:"summary"`
			} `json:"comments"`
		} `json:"checks"`
	}
	if json.Unmarshal(out, &report) != nil || len(report) == 0 {
		t.Fatalf("kube-score: %v: %s", err, out)
	}
	var findings []finding
	for _, object := range report {
		for _, check := range object.Checks {
			if check.Grade != critical || check.Skipped {
				continue
			}
			for _, comment := range check.Comments {
				findings = append(findings, finding{check.Check.ID, object.Name + ": " + comment.Path + ": " + comment.Summary})
			}
		}
	}
	return findings
}
