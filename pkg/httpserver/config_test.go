package httpserver_test

import (
	"errors"
	"maps"
	"testing"

	"tandem.example/pkg/env"
	"tandem.example/pkg/httpserver"
)

func TestConfigRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ set, want map[string]string }{
		"no TLS in production": {
			nil,
			map[string]string{"TLS_CERT_FILE": "must be set, or TRUSTED_PROXIES if a gateway speaks HTTPS for this service"},
		},
		"no TLS in development": {map[string]string{"APP_ENV": "dev"}, nil},
		"a certificate":         {map[string]string{"TLS_CERT_FILE": "a", "TLS_KEY_FILE": "b"}, nil},
		"a proxy":               {map[string]string{"TRUSTED_PROXIES": "10.0.0.0/8, fd00::1"}, nil},
		"half a certificate": {
			map[string]string{"TLS_CERT_FILE": "a"}, map[string]string{"TLS_KEY_FILE": "must be set together with TLS_CERT_FILE"},
		},
		"everybody": {map[string]string{"TRUSTED_PROXIES": "0.0.0.0/0"}, map[string]string{"TRUSTED_PROXIES": "must not trust every address"}},
		"garbage": {
			map[string]string{
				"APP_ENV": "test", "TRUSTED_PROXIES": "gateway", "HTTP_ADDR": "8443", "ADMIN_ADDR": "localhost",
				"CORS_ALLOW_ORIGINS": "https://a.example,*", "HTTP_REQUEST_TIMEOUT": "0s", "HTTP_READ_TIMEOUT": "-1s",
				"HTTP_DRAIN_DELAY": "-1s", "HTTP_BODY_LIMIT": "1", "HTTP_MAX_CONNECTIONS": "0",
			},
			map[string]string{
				"TRUSTED_PROXIES": "is malformed", "HTTP_ADDR": "must be an address with a port, such as :8443",
				"ADMIN_ADDR":           "must be an address with a port, such as :8443",
				"CORS_ALLOW_ORIGINS":   "must be origins such as https://app.example.org, separated by commas",
				"HTTP_REQUEST_TIMEOUT": "must be more than 0", "HTTP_READ_TIMEOUT": "must be more than 0",
				"HTTP_DRAIN_DELAY": "must not be negative", "HTTP_BODY_LIMIT": "must be at least 1024 bytes",
				"HTTP_MAX_CONNECTIONS": "must be at least 1",
			},
		},
	} {
		_, err := env.Load[struct {
			App  env.App
			HTTP httpserver.Config
		}](func(name string) (string, bool) { v, ok := test.set[name]; return v, ok })
		got := map[string]string{}
		if problems, ok := errors.AsType[env.LoadError](err); ok {
			for _, p := range problems {
				got[p.Variable] = p.Text
			}
		}
		if !maps.Equal(got, test.want) {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	refused := func(origin, appEnv string) (found bool) {
		c := defaults()
		c.CORSAllowOrigins = []string{origin}
		c.Check(appEnv, func(variable, _ string) { found = found || variable == "CORS_ALLOW_ORIGINS" })
		return found
	}
	for _, origin := range []string{"*", "null", "https://*.example.org", "https://a.example/", "https://a.example/x", "a.example", "ftp://a.example", "https://u@a.example"} {
		if !refused(origin, env.Development) {
			t.Errorf("%s is taken", origin)
		}
	}
	if refused("https://a.example:8443", env.Production) || refused("http://localhost:3000", env.Development) || !refused("http://a.example", env.Production) {
		t.Error("schemes and ports")
	}
}
