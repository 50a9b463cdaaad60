package check

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// unrouted are the routes that no gateway passes on: it asks for the one itself, and both
// services have the other.
var unrouted = []string{"/verify", "/openapi.json"}

// routes are the paths of a service that a gateway passes on, with an id for parameters.
func routes(t *testing.T, service string) []string {
	t.Helper()
	var paths []string
	for line := range strings.Lines(read(t, "services/"+service+"/internal/app/testdata/routes.golden")) {
		path := strings.ReplaceAll(strings.Fields(line)[1], ":id", "01234567-89ab-7def-8123-456789abcdef")
		if !slices.Contains(unrouted, path) {
			paths = append(paths, path)
		}
	}
	if len(paths) < 5 {
		t.Fatalf("%s has only %q", service, paths)
	}
	return paths
}

// goesTo holds a gateway to where the services' paths go; the function gives the name of
// a service, or none.
func goesTo(t *testing.T, find func(path string) string) {
	t.Helper()
	for service := range services {
		for _, path := range routes(t, service) {
			if got := find(path); got != service {
				t.Errorf("%s goes to %q", path, got)
			}
		}
	}
	for path, want := range map[string]string{"/app/page": "application", "/app": "", "/": "", "/metrics": "", "/v1/resourcesx": "", "/v1/usersx": "", "/verify": "", "/openapi.json": ""} {
		if got := find(path); got != want {
			t.Errorf("%s goes to %q", path, got)
		}
	}
}

// variable is the default of a time in .env.example.
func variable(t *testing.T, name string) time.Duration {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + name + `=(\S+)$`).FindStringSubmatch(read(t, ".env.example"))
	if m == nil {
		t.Fatalf(".env.example has no %s", name)
	}
	d, err := time.ParseDuration(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Caddy and nginx keep to the services' times as well.
func TestTimesFit(t *testing.T) {
	t.Parallel()
	for file, words := range map[string][2]string{
		"Caddyfile":  {`\tkeepalive (\w+)\n`, `\tresponse_header_timeout (\w+)\n`},
		"nginx.conf": {`keepalive_timeout (\w+);`, `proxy_read_timeout (\w+);`},
	} {
		var times [2]time.Duration
		for i, pattern := range words {
			m := regexp.MustCompile(pattern).FindStringSubmatch(read(t, "deploy/gateway/"+file))
			if m == nil {
				t.Fatalf("%s does not match %s", file, pattern)
			}
			var err error
			if times[i], err = time.ParseDuration(m[1]); err != nil {
				t.Fatal(err)
			}
		}
		fits(t, times[0], times[1])
	}
}
