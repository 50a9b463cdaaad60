package check

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/traefik/paerser/file"
	"github.com/traefik/traefik/v3/pkg/config/dynamic"
)

// Traefik's own decoder refuses what it has no field for; what a rule matches is looked at
// with the two matchers that the file uses.
func TestTraefik(t *testing.T) {
	t.Parallel()
	var c dynamic.Configuration
	if err := file.Decode(filepath.Join(root, "deploy/gateway/traefik.yml"), &c); err != nil {
		t.Fatal(err)
	}
	goesTo(t, func(path string) string {
		for _, router := range c.HTTP.Routers {
			if ruleMatches(t, router.Rule, path) {
				return router.Service
			}
		}
		return ""
	})
	for name, router := range c.HTTP.Routers {
		if len(router.Middlewares) == 0 || router.Middlewares[0] != "own-id" || router.TLS == nil {
			t.Errorf("%s: %+v", name, router)
		}
		for _, m := range router.Middlewares {
			if c.HTTP.Middlewares[m] == nil {
				t.Errorf("%s: there is no middleware %s", name, m)
			}
		}
		service := c.HTTP.Services[router.Service]
		if service == nil || service.LoadBalancer == nil || c.HTTP.ServersTransports[service.LoadBalancer.ServersTransport] == nil {
			t.Errorf("%s: there is no service %s, or it has no transport", name, router.Service)
			continue
		}
		for _, server := range service.LoadBalancer.Servers {
			if !strings.HasPrefix(server.URL, "https://") {
				t.Errorf("%s: %s", name, server.URL)
			}
		}
	}
	if id, ok := c.HTTP.Middlewares["own-id"].Headers.CustomRequestHeaders["X-Request-Id"]; !ok || id != "" {
		t.Error("the client's request id gets through")
	}
	timeouts := c.HTTP.ServersTransports["verified"].ForwardingTimeouts
	fits(t, time.Duration(timeouts.IdleConnTimeout), time.Duration(timeouts.ResponseHeaderTimeout))
}

func ruleMatches(t *testing.T, rule, path string) bool {
	t.Helper()
	for part := range strings.SplitSeq(rule, "||") {
		m := regexp.MustCompile("^(Path|PathPrefix)\\(`([^`]+)`\\)$").FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			t.Fatalf("this test does not know %q", part)
		}
		if m[2] == path || m[1] == "PathPrefix" && strings.HasPrefix(path, m[2]) {
			return true
		}
	}
	return false
}
