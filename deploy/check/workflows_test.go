package check

import (
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
)

// workflow is one after parsing.
type workflow struct {
	*actionlint.Workflow

	text string
}

func workflowOf(t *testing.T, text string) workflow {
	t.Helper()
	w, problems := actionlint.Parse([]byte(text))
	for _, problem := range problems {
		t.Fatal(problem)
	}
	return workflow{w, text}
}

// workflows gives those of the repository, by path.
func workflows(t *testing.T) map[string]workflow {
	t.Helper()
	all := map[string]workflow{}
	for _, file := range files(t) {
		if filepath.Dir(file) == ".github/workflows" {
			all[file] = workflowOf(t, read(t, file))
		}
	}
	if len(all) == 0 {
		t.Fatal("there are no workflows")
	}
	return all
}

// actions gives the steps that use one, scripts those that run some lines.
func (w workflow) actions() (list []*actionlint.ExecAction) {
	for _, job := range w.Jobs {
		for _, step := range job.Steps {
			if action, is := step.Exec.(*actionlint.ExecAction); is {
				list = append(list, action)
			}
		}
	}
	return list
}

func (w workflow) scripts() (list []string) {
	for _, job := range w.Jobs {
		for _, step := range job.Steps {
			if script, is := step.Exec.(*actionlint.ExecRun); is {
				list = append(list, script.Run.Value)
			}
		}
	}
	return list
}

// workflowRules are those that hold for each. A rule says what is wrong, or
// nothing.
var workflowRules = map[string]func(workflow) string{
	"actions are pinned by commit":              actionsPinned,
	"a token may no more than it must":          leastRights,
	"jobs end, on a machine that is named":      bounded,
	"nothing is written into scripts":           noInjection,
	"the token is not left in the clone":        noToken,
	"runs do not pile up":                       concurrent,
	"no stranger's code has the token's rights": noStrangers,
}

func actionsPinned(w workflow) string {
	pin := regexp.MustCompile(`^[\w-]+/[\w./-]+@[0-9a-f]{40}$`)
	for _, action := range w.actions() {
		uses := action.Uses.Value
		if !pin.MatchString(uses) {
			return uses
		}
		if !regexp.MustCompile(regexp.QuoteMeta(uses) + ` # v\d+\.\d+\.\d+\n`).MatchString(w.text) {
			return uses + " does not say which version that is"
		}
	}
	for _, job := range w.Jobs {
		if call := job.WorkflowCall; call != nil && !strings.HasPrefix(call.Uses.Value, "./") {
			return call.Uses.Value
		}
	}
	return ""
}

// rights are the scopes to which jobs may write, and there is no other way to get
// them: the workflow itself gives none.
var rights = map[string][]string{
	"images":  {"attestations", "id-token", "packages"},
	"publish": {"attestations", "contents", "id-token", "packages"},
}

func leastRights(w workflow) string {
	if w.Permissions == nil || len(writes(w.Permissions)) > 0 {
		return "the workflow does not limit its token"
	}
	for id, job := range w.Jobs {
		if job.Permissions == nil {
			continue
		}
		if got := writes(job.Permissions); !slices.Equal(got, rights[id]) {
			return "job " + id + " may write to " + strings.Join(got, ", ")
		}
	}
	return ""
}

// writes names the scopes that can be written to.
func writes(p *actionlint.Permissions) []string {
	if p.All != nil && p.All.Value != "read-all" && p.All.Value != "{}" {
		return []string{p.All.Value}
	}
	var list []string
	for _, scope := range slices.Sorted(maps.Keys(p.Scopes)) {
		if value := p.Scopes[scope].Value.Value; value != "read" && value != "none" {
			list = append(list, scope)
		}
	}
	return list
}

func bounded(w workflow) string {
	for id, job := range w.Jobs {
		if job.WorkflowCall != nil {
			continue
		}
		if job.TimeoutMinutes == nil || job.TimeoutMinutes.Value > 90 {
			return id + " has no limit"
		}
		if labels := job.RunsOn.Labels; len(labels) != 1 || labels[0].Value != "ubuntu-24.04" {
			return id + " runs on whatever is the latest"
		}
	}
	return ""
}

// noInjection: a name that somebody chose would become part of the script.
func noInjection(w workflow) string {
	for _, script := range w.scripts() {
		if strings.Contains(script, "${{") {
			return script
		}
	}
	return ""
}

func noToken(w workflow) string {
	for _, action := range w.actions() {
		if !strings.HasPrefix(action.Uses.Value, "actions/checkout@") {
			continue
		}
		if keep := action.Inputs["persist-credentials"]; keep == nil || keep.Value.Value != "false" {
			return action.Uses.Value
		}
	}
	return ""
}

func concurrent(w workflow) string {
	if w.Concurrency == nil || w.Concurrency.Group == nil {
		return "no group"
	}
	return ""
}

func noStrangers(w workflow) string {
	for _, event := range w.On {
		if name := event.EventName(); name == "pull_request_target" || name == "workflow_run" {
			return name
		}
	}
	return ""
}

func TestWorkflows(t *testing.T) {
	t.Parallel()
	for file, w := range workflows(t) {
		for rule, check := range workflowRules {
			if problem := check(w); problem != "" {
				t.Errorf("%s: %s: %s", file, rule, problem)
			}
		}
	}
}

// TestActionlint knows what GitHub makes of the files.
func TestActionlint(t *testing.T) {
	t.Parallel()
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for file := range workflows(t) {
		path, err := filepath.Abs(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		problems, err := linter.LintFile(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range problems {
			t.Error(problem)
		}
	}
}
