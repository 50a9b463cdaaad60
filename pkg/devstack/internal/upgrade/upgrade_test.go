package upgrade

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../../../.."

// What makes a next release fits this source, also where it does something wrong.
func TestNext(t *testing.T) {
	t.Parallel()
	for _, mistake := range append(Mistakes(), "") {
		dir := t.TempDir()
		overlay, err := Next(root, dir, mistake)
		if err != nil {
			t.Errorf("%q: %v", mistake, err)
			continue
		}
		data, err := os.ReadFile(overlay)
		if err != nil {
			t.Fatal(err)
		}
		var list struct {
			Replace map[string]string `json:"Replace"`
		}
		if err := json.Unmarshal(data, &list); err != nil || len(list.Replace) < 8 {
			t.Errorf("%q: %d files, %v", mistake, len(list.Replace), err)
		}
		for file, part := range list.Replace {
			text, err := os.ReadFile(part)
			if !filepath.IsAbs(file) || err != nil || len(text) == 0 {
				t.Errorf("%q: %s: %d bytes, %v", mistake, file, len(text), err)
			}
		}
	}
	if _, err := Next(root, t.TempDir(), "none"); err == nil {
		t.Error("a mistake that there is not was made")
	}
}

func TestAnEditFitsOnceOrNotAtAll(t *testing.T) {
	t.Parallel()
	tree := t.TempDir()
	if err := os.WriteFile(filepath.Join(tree, "a"), []byte("one two, two"), 0o600); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, e := range []edit{{"a", "two", "three"}, {"a", "four", "five"}} {
		if err := e.apply(tree, texts); !errors.Is(err, ErrStale) {
			t.Errorf("%q: %v", e.old, err)
		}
	}
	for _, e := range []edit{{"a", "one", "1"}, {"a", "1 ", "2 "}, {"b", "", "new"}} {
		if err := e.apply(tree, texts); err != nil {
			t.Error(err)
		}
	}
	if texts["a"] != "2 two, two" || texts["b"] != "new" {
		t.Errorf("%q", texts)
	}
}

// repository is one of n commits, with the tags of each.
func repository(t *testing.T, tags ...string) string {
	t.Helper()
	dir := t.TempDir()
	do(t, dir, "init", "--quiet")
	for _, names := range tags {
		do(t, dir, "commit", "--quiet", "--allow-empty", "--message", "a")
		for name := range strings.FieldsSeq(names) {
			do(t, dir, "tag", name)
		}
	}
	return dir
}

func do(t *testing.T, dir string, args ...string) string {
	t.Helper()
	whatever := []string{"-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"}
	out, err := git(t.Context(), dir, append(whatever, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPrevious(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tags []string
		want string
	}{
		"no release":             {[]string{"", "", ""}, Base},
		"the newest":             {[]string{"v1.9.0", "v1.10.0", ""}, "v1.10.0"},
		"not the one to be made": {[]string{"v1.0.0", "", "v1.1.0"}, "v1.0.0"},
		"after its candidate":    {[]string{"v1.0.0-rc.1 v1.0.0", ""}, "v1.0.0"},
		"other tags":             {[]string{"v1.0.0", "vendored", ""}, "v1.0.0"},
	} {
		if got, err := Previous(t.Context(), repository(t, c.tags...)); err != nil || got != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// Where the release before cannot be told, nothing else takes its place.
func TestPreviousInAShallowClone(t *testing.T) {
	t.Parallel()
	whole, dir := repository(t, "v1.0.0", "", ""), filepath.Join(t.TempDir(), "clone")
	do(t, whole, "clone", "--quiet", "--depth", "1", "file://"+whole, dir)
	if _, err := Previous(t.Context(), dir); !errors.Is(err, ErrShallow) {
		t.Errorf("%v", err)
	}
	if err := Checkout(t.Context(), dir, "v1.0.0", filepath.Join(t.TempDir(), "source")); !errors.Is(err, ErrAbsent) {
		t.Errorf("%v", err)
	}
}

func TestCheckout(t *testing.T) {
	t.Parallel()
	from, dir := repository(t, "v1.0.0", "v1.1.0"), filepath.Join(t.TempDir(), "source")
	if err := Checkout(t.Context(), from, "v1.0.0", dir); err != nil {
		t.Fatal(err)
	}
	if got, want := do(t, dir, "rev-parse", "HEAD"), do(t, from, "rev-parse", "v1.0.0^{commit}"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := do(t, from, "worktree", "list"); strings.Contains(got, "\n") {
		t.Errorf("it leaves %s", got)
	}
	if err := Checkout(t.Context(), from, "--version", filepath.Join(t.TempDir(), "source")); !errors.Is(err, ErrAbsent) {
		t.Errorf("%v", err)
	}
}
