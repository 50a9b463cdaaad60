// Package check holds the deployment files outside of the chart, and the
// workflows, to their rules.
package check

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is that of the repository.
const root = "../.."

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// leftovers are directories of what a build or a run leaves behind.
var leftovers = []string{".git", ".bin", ".run", "node_modules", "secrets"}

// files gives the paths, from the root, of all files that a clone has.
func files(t *testing.T) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(leftovers, name):
			return filepath.SkipDir
		case d.IsDir() || name == ".git":
			return nil
		}
		path, err = filepath.Rel(root, path)
		paths = append(paths, filepath.ToSlash(path))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// named gives those files whose last element is that name.
func named(t *testing.T, name string) []string {
	t.Helper()
	var paths []string
	for _, path := range files(t) {
		if strings.HasSuffix("/"+path, "/"+name) {
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		t.Fatalf("there is no %s", name)
	}
	return paths
}
