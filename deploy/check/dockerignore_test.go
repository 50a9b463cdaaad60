package check

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// maxContext is some three times what the sources weigh.
const maxContext = 10 << 20

func ignored(t *testing.T) func(path string) bool {
	t.Helper()
	patterns, err := ignorefile.ReadAll(strings.NewReader(read(t, ".dockerignore")))
	if err != nil {
		t.Fatal(err)
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	return func(path string) bool {
		out, err := matcher.MatchesOrParentMatches(path)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

func TestNothingSecretOrHeavyIsInTheContext(t *testing.T) {
	t.Parallel()
	out := ignored(t)
	for _, path := range []string{
		".git/config", ".env", ".env.prod", ".run/stack.env", ".run/stack/ca.key", ".bin/authd", ".netrc", "id_ed25519",
		"deploy/compose/secrets/auth/JWT_SECRET", "docker-compose.override.yml", "kubeconfig", "core",
		"pkg/.env", "pkg/server.key", "pkg/devstack/ca.pem", "services/auth/prod.env", "services/auth/.netrc",
		"services/auth/test/oidc-provider/node_modules/x/index.js", "services/resources/bench.out/node_modules/x",
		"services/auth/internal/app/app_test.go", "services/auth/internal/app/testdata/keys/1.pem", "pkg/.git/config",
	} {
		if !out(path) {
			t.Errorf("%s goes into the context", path)
		}
	}
}

// TestAllThatIsNeededIsInTheContext looks at sources and at what they embed, which
// a pattern too many would take away.
func TestAllThatIsNeededIsInTheContext(t *testing.T) {
	t.Parallel()
	out := ignored(t)
	embeds := regexp.MustCompile(`(?m)^//go:embed (.+)$`)
	size := int64(0)
	for _, file := range files(t) {
		if !out(file) {
			info, err := os.Stat(filepath.Join(root, file))
			if err != nil {
				t.Fatal(err)
			}
			size += info.Size()
		}
		source := strings.HasPrefix(file, "pkg/") || strings.HasPrefix(file, "services/")
		if !source || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			continue
		}
		if out(file) {
			t.Errorf("%s is missing", file)
		}
		for _, m := range embeds.FindAllStringSubmatch(read(t, file), -1) {
			for pattern := range strings.FieldsSeq(m[1]) {
				if embedded := path.Join(path.Dir(file), pattern); out(embedded) {
					t.Errorf("%s is missing, which %s embeds", embedded, file)
				}
			}
		}
	}
	if size > maxContext {
		t.Errorf("the context has %d bytes", size)
	}
}

// TestCopiedPathsExist has each COPY from the context name what is there.
func TestCopiedPathsExist(t *testing.T) {
	t.Parallel()
	out := ignored(t)
	for _, file := range named(t, "Dockerfile") {
		for _, c := range every[*instructions.CopyCommand](parse(t, read(t, file))) {
			if c.From != "" {
				continue
			}
			for _, source := range c.SourcePaths {
				if _, err := os.Stat(filepath.Join(root, source)); err != nil || out(path.Clean(source)) {
					t.Errorf("%s copies %s, which is not in the context (%v)", file, source, err)
				}
			}
		}
	}
}
