package pair_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestHold leaves the work to a process of its own, as whoever holds a pair is
// the parent of all that it starts.
func TestHold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"authd", "resourcesd"} {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), self, roleHold, dir)
	cmd.Env = []string{"PATH=" + variable("PATH")}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	within(t, "the end of everything", func() bool {
		_, err := os.Stat(filepath.Join(dir, ".run"))
		return errors.Is(err, os.ErrNotExist)
	})
}
