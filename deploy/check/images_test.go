package check

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// services are the images that are released, with their binaries.
var services = map[string]string{"auth": "/authd", "resources": "/resourcesd"}

func TestServiceImages(t *testing.T) {
	t.Parallel()
	for service, binary := range services {
		d := parse(t, read(t, "services/"+service+"/Dockerfile"))
		if entry, _ := last[*instructions.EntrypointCommand](d); !slices.Equal(entry.CmdLine, []string{binary}) {
			t.Errorf("%s: ENTRYPOINT %q", service, entry.CmdLine)
		}
		if cmd, _ := last[*instructions.CmdCommand](d); !slices.Equal(cmd.CmdLine, []string{"run"}) {
			t.Errorf("%s: CMD %q", service, cmd.CmdLine)
		}
		if ports, _ := last[*instructions.ExposeCommand](d); !slices.Equal(ports.Ports, defaultPorts(t)) {
			t.Errorf("%s: EXPOSE %q, the services listen on %q", service, ports.Ports, defaultPorts(t))
		}
		health, ok := last[*instructions.HealthCheckCommand](d)
		if !ok {
			t.Errorf("%s: no HEALTHCHECK", service)
			continue
		}
		if asks := healthWithin(t); health.Health.Timeout <= asks {
			t.Errorf("%s: HEALTHCHECK gives up after %s, the command itself after %s", service, health.Health.Timeout, asks)
		}
	}
}

// defaultPorts are those of .env.example.
func defaultPorts(t *testing.T) []string {
	t.Helper()
	var ports []string
	for _, m := range regexp.MustCompile(`(?m)^(?:HTTP|ADMIN)_ADDR=:(\d+)$`).FindAllStringSubmatch(read(t, ".env.example"), -1) {
		ports = append(ports, m[1])
	}
	return ports
}

func healthWithin(t *testing.T) time.Duration {
	t.Helper()
	m := regexp.MustCompile(`healthWithin = (\d+) \* time\.Second`).FindStringSubmatch(read(t, "pkg/daemon/health.go"))
	if m == nil {
		t.Fatal("pkg/daemon has no healthWithin")
	}
	d, err := time.ParseDuration(m[1] + "s")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestOneWayToBuild has the images' binaries be those of `make build`.
func TestOneWayToBuild(t *testing.T) {
	t.Parallel()
	m := regexp.MustCompile(`(?m)^BUILD := CGO_ENABLED=0 (go build .*)'(.*)'$`).FindStringSubmatch(read(t, "Makefile"))
	if m == nil {
		t.Fatal("the Makefile has no BUILD")
	}
	want := strings.ReplaceAll(m[1]+`"`+m[2]+`"`, "$(VERSION)", "$VERSION")
	for _, file := range named(t, "Dockerfile") {
		text := read(t, file)
		if !strings.Contains(text, want+" -o /out/") || !strings.Contains(text, "CGO_ENABLED=0 ") {
			t.Errorf("%s does not build with %s", file, want)
		}
	}
}

// TestOneGo has all images be built by one version of Go, which the modules allow.
func TestOneGo(t *testing.T) {
	t.Parallel()
	bases := map[string]bool{}
	for _, file := range named(t, "Dockerfile") {
		bases[parse(t, read(t, file)).stages[0].BaseName] = true
	}
	if len(bases) != 1 {
		t.Errorf("several: %v", bases)
	}
	language := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "go.work"))[1]
	for base := range bases {
		if !strings.HasPrefix(base, "golang:"+language+".") {
			t.Errorf("go.work is of Go %s, the images are built by %s", language, base)
		}
	}
}
