package app_test

import (
	"net/http"
	"strings"
	"testing"

	"go.uber.org/fx"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/env"
	"tandem.example/services/auth/internal/app"
)

func TestTheGraphIsComplete(t *testing.T) {
	t.Parallel()
	for _, clerk := range []bool{true, false} {
		stack := devstack.T(t, devstack.Options{Database: true, Redis: true, NATS: true, Clerk: clerk})
		cfg, err := env.Load[app.Config](lookup(environment(t, stack)))
		if err != nil {
			t.Fatal(err)
		}
		if err := fx.ValidateApp(app.New(cfg, "test")); err != nil {
			t.Error(err)
		}
	}
}

func TestBoot(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	for _, path := range []string{"/livez", "/readyz", "/metrics"} {
		if got := s.send(s.request(http.MethodGet, s.admin+path, "", nil)); got.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := s.send(s.request(http.MethodGet, "/nowhere", "", nil)); got.status != 404 || got.text("code") != "route_not_found" {
		t.Errorf("unknown route: %d %s", got.status, got.body)
	}
	if got := s.send(s.request(http.MethodPut, "/v1/me", "", nil)); got.status != 405 || got.text("code") != "method_not_allowed" || got.header.Get("Allow") == "" {
		t.Errorf("unknown method: %d %v", got.status, got.header)
	}
}

// Readiness names the demo only where one is made.
func TestReadinessWithoutADemo(t *testing.T) {
	t.Parallel()
	stack := devstack.T(t, devstack.Options{Database: true, Redis: true, NATS: true})
	migrate(t, stack)
	set := environment(t, stack)
	for name := range set {
		if strings.HasPrefix(name, "DEMO_") {
			delete(set, name)
		}
	}
	s := run(t, stack, set)
	s.awaitReady()
	if got := s.send(s.request(http.MethodGet, s.admin+"/readyz", "", nil)); strings.Contains(got.body, "demo") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// Everything that is wrong is said at once, without a value.
func TestMistakesInTheEnvironment(t *testing.T) {
	t.Parallel()
	_, err := app.Program("test").Run(lookup(map[string]string{
		"APP_ENV": "prod", "JWT_SECRET": "hunter2-too-short", "JWT_SECRET_PREVIOUS": strings.Repeat("ab", 24), "JWT_ISSUER": "http://auth.example", "TOKEN_EXPIRE_MINUTES": "0",
		"DATABASE_URL": "postgres://u:hunter2@h/d?sslmode=require", "REDIS_URL": "redis://h", "REDIS_USE_TLS": "false", "NATS_URL": "nats://hunter2@h",
		"CLERK_SECRET_KEY": "hunter2", "CLERK_WEBHOOK_SECRET": "whsec_hunter2", "DEMO_USER": "hunter2", "REFRESH_EXPIRE_HOURS": "-1", "AUDIT_RETENTION_DAYS": "0", "AUDIT_REPLICAS": "2",
	}))
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, variable := range []string{
		"JWT_SECRET", "JWT_SECRET_PREVIOUS", "JWT_ISSUER", "TOKEN_EXPIRE_MINUTES", "DATABASE_URL", "REDIS_USE_TLS", "REDIS_PASSWORD", "NATS_URL",
		"CLERK_ISSUER", "CLERK_WEBHOOK_SECRET", "DEMO_USER", "REFRESH_EXPIRE_HOURS", "TLS_CERT_FILE", "AUDIT_RETENTION_DAYS", "AUDIT_REPLICAS",
	} {
		if !strings.Contains(err.Error(), variable+" ") {
			t.Errorf("%s is not reported", variable)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a value is in the report: %v", err)
	}
}

// Nothing is there when it starts; when everything is, it serves.
func TestStartBeforeTheDependencies(t *testing.T) {
	t.Parallel()
	stack := devstack.T(t, devstack.Options{Database: true, OwnDatabase: true, Redis: true, OwnRedis: true, NATS: true, OwnNATS: true})
	migrate(t, stack)
	for _, name := range []string{stack.Database(), "redis", "nats"} {
		if err := stack.Kill(name); err != nil {
			t.Fatal(err)
		}
	}
	s := run(t, stack, environment(t, stack))
	got := s.send(s.request(http.MethodGet, s.admin+"/readyz", "", nil))
	if got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, `"database"`) || !strings.Contains(got.body, `"redis"`) ||
		!strings.Contains(got.body, `"nats"`) {
		t.Fatalf("ready without anything: %d %s", got.status, got.body)
	}
	if got := s.demo("/token", "grant_type", "client_credentials"); got.status != 503 || got.text("error") != "temporarily_unavailable" || got.header.Get("Retry-After") == "" {
		t.Errorf("a token without anything: %d %s", got.status, got.body)
	}
	for _, name := range []string{stack.Database(), "redis", "nats"} {
		if err := stack.Start(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	s.awaitReady()
	s.login()
}
