package invalidation_test

import (
	"os/exec"
	"strings"
	"testing"
)

// Other services import this package: it must not bring the pool, the cache and
// the framework along.
func TestNeedsNothingButNATS(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range strings.FieldsSeq(string(out)) {
		switch {
		case pkg == "tandem.example/pkg/invalidation", strings.HasPrefix(pkg, "github.com/nats-io/"):
		case strings.HasPrefix(pkg, "github.com/klauspost/compress/"), strings.HasPrefix(pkg, "golang.org/x/"): // of nats.go
		default:
			t.Errorf("imports %s", pkg)
		}
	}
}
