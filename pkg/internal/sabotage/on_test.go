//go:build chaos

package sabotage

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Orders are followed one after the other and only with what they name, and may
// change at any time. What cannot be read arms nothing.
func TestOrders(t *testing.T) {
	t.Parallel()
	f := field{file: filepath.Join(t.TempDir(), "orders")}
	pass := func(point, name string, want syscall.Signal) {
		t.Helper()
		sig, hit := f.step(point, name)
		if sig != want || hit != (want != 0) {
			t.Errorf("%s with %s: %v, want %v", point, name, sig, want)
		}
	}
	order := func(text string) {
		t.Helper()
		if err := os.WriteFile(f.file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pass("marked", "a", 0) // no file
	order("nonsense,marked:stop:2:a,written:kill:1:\n")
	pass("written", "a", 0) // not yet its turn
	pass("marked", "b", 0)
	pass("marked", "a", 0) // the first of two
	pass("marked", "the a", syscall.SIGSTOP)
	pass("marked", "a", 0) // done
	pass("written", "b", syscall.SIGKILL)
	pass("written", "b", 0)
	order("written:kill:1:")
	pass("written", "b", syscall.SIGKILL)
	order("written:kill:1:b")
	order("")
	pass("written", "b", 0)
}
