package check

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestDependabotKnowsEverything has each file that names versions be in the list
// of its kind, and nothing there that is gone.
func TestDependabotKnowsEverything(t *testing.T) {
	t.Parallel()
	var config struct {
		Updates []struct {
			Ecosystem   string   `yaml:"package-ecosystem"`
			Directory   string   `yaml:"directory"`
			Directories []string `yaml:"directories"`
		} `yaml:"updates"`
	}
	if err := yaml.Unmarshal([]byte(read(t, ".github/dependabot.yml")), &config); err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, u := range config.Updates {
		if u.Directory != "" {
			u.Directories = append(u.Directories, u.Directory)
		}
		got[u.Ecosystem] = append(got[u.Ecosystem], u.Directories...)
	}
	for ecosystem, file := range map[string]string{
		"gomod": "go.mod", "docker": "Dockerfile", "docker-compose": "docker-compose.yml", "npm": "package.json",
	} {
		var want []string
		for _, found := range named(t, file) {
			want = append(want, path.Clean("/"+path.Dir(found)))
		}
		same(t, ecosystem, got[ecosystem], want)
		delete(got, ecosystem)
	}
	same(t, "github-actions", got["github-actions"], []string{"/"})
	delete(got, "github-actions")
	if len(got) > 0 {
		t.Errorf("there is nothing of the kinds %v", got)
	}
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q are known, there are %q", what, got, want)
	}
}

// TestMakeKnowsEveryModule has each module be linted, or at least kept tidy: those
// of the workspace by the list of the Makefile, the others by name.
func TestMakeKnowsEveryModule(t *testing.T) {
	t.Parallel()
	makefile, workspace := read(t, "Makefile"), read(t, "go.work")
	modules := strings.Fields(regexp.MustCompile(`(?m)^MODULES := (.*)$`).FindStringSubmatch(makefile)[1])
	for _, file := range named(t, "go.mod") {
		module := path.Dir(file)
		inList, inWorkspace := slices.Contains(modules, module), strings.Contains(workspace, "./"+module+"\n")
		if inList != inWorkspace {
			t.Errorf("%s: in MODULES: %t, in go.work: %t", module, inList, inWorkspace)
		}
		if !inList && !regexp.MustCompile(`cd `+regexp.QuoteMeta(module)+` .*go mod tidy -diff`).MatchString(makefile) {
			t.Errorf("nobody keeps %s tidy", module)
		}
	}
}

// TestOneVersionOfGo has workflows build with what the images are built by.
func TestOneVersionOfGo(t *testing.T) {
	t.Parallel()
	base := parse(t, read(t, "services/auth/Dockerfile")).stages[0].BaseName
	for file, w := range workflows(t) {
		version := w.Env.Vars["go_version"]
		if version == nil || !strings.HasPrefix(base, "golang:"+version.Value.Value+"-") {
			t.Errorf("%s does not build with %s", file, base)
		}
	}
}
