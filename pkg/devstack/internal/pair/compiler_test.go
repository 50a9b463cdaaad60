package pair

import (
	"os"
	"path/filepath"
	"testing"
)

// A compiler without the library's headers is none, and CC says which it is.
func TestCompiles(t *testing.T) {
	for name, want := range map[string]bool{"works": true, "lacks": false, "absent": false} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "compiler")
			script := map[string]string{
				"works": "#!/bin/sh\nread line && [ \"$line\" = '#include <pthread.h>' ] && [ \"$1\" = --flag ]\n",
				"lacks": "#!/bin/sh\nexit 1\n",
			}[name]
			if script != "" {
				if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("CC", path+" --flag")
			if got := compiles(t.Context()); got != want {
				t.Errorf("compiles: %v, want %v", got, want)
			}
		})
	}
}
