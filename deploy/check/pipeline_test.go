package check

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	ciFile      = ".github/workflows/ci.yml"
	releaseFile = ".github/workflows/release.yml"
)

var makes = regexp.MustCompile(`(?m)(?:^|\s)make ([a-z-]+)`)

// made names the targets that a text makes.
func made(text string) []string {
	var targets []string
	for _, m := range makes.FindAllStringSubmatch(text, -1) {
		targets = append(targets, m[1])
	}
	return targets
}

// TestTargetsExist has workflows do what everybody can do.
func TestTargetsExist(t *testing.T) {
	t.Parallel()
	makefile := read(t, "Makefile")
	for file, w := range workflows(t) {
		for _, target := range made(strings.Join(w.scripts(), "\n")) {
			if !strings.Contains(makefile, "\n.PHONY: "+target+"\n") {
				t.Errorf("%s makes %s, which the Makefile does not know", file, target)
			}
		}
	}
}

// TestEverythingIsChecked has the public host do at least what .ci/run does, and
// what needs more than that has.
func TestEverythingIsChecked(t *testing.T) {
	t.Parallel()
	done := made(strings.Join(workflows(t)[ciFile].scripts(), "\n"))
	for _, target := range append(made(read(t, ".ci/run")), "image-check", "reproducible", "kube-check", "vuln", "cockroach") {
		if !slices.Contains(done, target) {
			t.Errorf("%s does not make %s", ciFile, target)
		}
	}
	compose := strings.Join(workflows(t)[ciFile].scripts(), "\n")
	for _, command := range []string{"docker compose up --wait", "docker compose run --rm journey", "down -v"} {
		if !strings.Contains(compose, command) {
			t.Errorf("%s does not %s", ciFile, command)
		}
	}
}

// TestResultsAreNew has tests run, though setup-go brings the results of runs before.
func TestResultsAreNew(t *testing.T) {
	t.Parallel()
	env := workflows(t)[ciFile].Env
	if env == nil || env.Vars["goflags"] == nil || env.Vars["goflags"].Value.Value != "-count=1" {
		t.Errorf("%s takes results from the cache", ciFile)
	}
}

// TestNoReleaseOfWhatIsRed has every job of the release wait for all of ci.yml,
// and none go on when that has failed.
func TestNoReleaseOfWhatIsRed(t *testing.T) {
	t.Parallel()
	w := workflows(t)[releaseFile]
	gate := w.Jobs["ci"]
	if gate == nil || gate.WorkflowCall == nil || gate.WorkflowCall.Uses.Value != "./"+ciFile {
		t.Fatalf("%s does not call %s", releaseFile, ciFile)
	}
	before := map[string]bool{"ci": true} // and what ci itself waits for
	for _, need := range gate.Needs {
		before[need.Value] = true
	}
	for id, job := range w.Jobs {
		if job.If != nil || job.ContinueOnError != nil {
			t.Errorf("job %s has a mind of its own", id)
		}
		for _, step := range job.Steps {
			if step.ContinueOnError != nil {
				t.Errorf("job %s goes on when a step has failed", id)
			}
		}
		if before[id] {
			if job.Permissions == nil || len(writes(job.Permissions)) > 0 {
				t.Errorf("job %s, before the checks, can write", id)
			}
			continue
		}
		if !waits(w, id, "ci") {
			t.Errorf("job %s does not wait for the checks", id)
		}
	}
	for id, job := range workflows(t)[ciFile].Jobs {
		if job.If != nil || job.ContinueOnError != nil {
			t.Errorf("job %s of %s need not pass", id, ciFile)
		}
	}
	if !strings.Contains(strings.Join(w.scripts(), "\n"), "git merge-base --is-ancestor") {
		t.Error("a tag outside of main is released")
	}
}

// waits tells whether a job needs another, directly or by way of others.
func waits(w workflow, id, other string) bool {
	for _, need := range w.Jobs[id].Needs {
		if need.Value == other || waits(w, need.Value, other) {
			return true
		}
	}
	return false
}
