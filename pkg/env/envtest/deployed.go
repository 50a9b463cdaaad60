package envtest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tandem.example/pkg/env"
)

// Deployment is what a deployment does on purpose with the variables of a
// service.
type Deployment struct {
	Unset  []string // the service reads them, and must not be given them
	Others []string // read by somebody else; an asterisk at the end stands for any
}

// Deployed holds a list of the variables that a deployment can set, one a line,
// to those of T.
func Deployed[T any](tb testing.TB, file string, d Deployment) {
	tb.Helper()
	data, err := os.ReadFile(file) //nolint:gosec // the test's own choice
	if err != nil {
		tb.Fatal(err)
	}
	set := strings.Fields(string(data))
	known := map[string]bool{}
	for _, v := range env.Variables[T]() {
		name := v.Name
		if v.Secret && slices.Contains(set, name+"_FILE") {
			name += "_FILE"
		}
		known[name] = true
		if slices.Contains(set, name) == slices.Contains(d.Unset, v.Name) {
			tb.Errorf("%s: whether it is in %s is not as it should be", v.Name, file)
		}
	}
	for _, name := range set {
		if !known[name] && !slices.ContainsFunc(d.Others, func(other string) bool {
			prefix, open := strings.CutSuffix(other, "*")
			return name == other || open && strings.HasPrefix(name, prefix)
		}) {
			tb.Errorf("%s is set by %s, and nobody reads it", name, file)
		}
	}
}

// mounted is where a deployment puts files.
const mounted = "/etc/tandem/"

// Starts wants a T to find no mistake in what a deployment gives its programs:
// file holds lines NAME=value, and files what is mounted, by path beneath
// /etc/tandem.
func Starts[T any](tb testing.TB, file string, files map[string]string) {
	tb.Helper()
	data, err := os.ReadFile(file) //nolint:gosec // the test's own choice
	if err != nil {
		tb.Fatal(err)
	}
	dir := tb.TempDir()
	for path, content := range files {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	environment := map[string]string{}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		environment[name] = strings.Replace(value, mounted, dir+"/", 1)
	}
	_, err = env.Load[T](func(name string) (string, bool) {
		value, ok := environment[name]
		return value, ok
	})
	if err != nil {
		tb.Errorf("as %s says: %v", file, err)
	}
}
