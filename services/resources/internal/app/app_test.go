package app_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/goleak"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/env"
	"tandem.example/pkg/httpserver"
	"tandem.example/services/resources/internal/app"
)

//go:generate go test . -run=^(TestRoutes|TestEveryMistakeInTheEnvironmentIsListed)$ -update
var update = flag.Bool("update", false, "write the golden files")

// golden compares with a file of testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || got != string(want) {
		t.Errorf("%s: %v; got\n%s", file, err, got)
	}
}

// with is a copy of the variables with changes; an empty value removes.
func with(variables map[string]string, changes ...string) map[string]string {
	changed := maps.Clone(variables)
	for i := 0; i < len(changes); i += 2 {
		changed[changes[i]] = changes[i+1]
	}
	maps.DeleteFunc(changed, func(_, value string) bool { return value == "" })
	return changed
}

func TestEverythingIsProvided(t *testing.T) {
	t.Parallel()
	w, _, _ := serving(t)
	cfg, err := env.Load[app.Config](lookup(w.env))
	if err != nil {
		t.Fatal(err)
	}
	if err := fx.ValidateApp(app.New(cfg, "test")); err != nil {
		t.Error(err)
	}
}

// TestRoutes asks each route, with a token that may do nothing, for the scope
// that it wants.
func TestRoutes(t *testing.T) {
	t.Parallel()
	w, i, _ := serving(t)
	cfg, err := env.Load[app.Config](lookup(w.env))
	if err != nil {
		t.Fatal(err)
	}
	var routes []httpserver.Route
	service := fx.New(app.New(cfg, "test"), fx.Invoke(fx.Annotate(func(all []httpserver.Route) { routes = all }, fx.ParamTags(`group:"routes"`))))
	if err := service.Err(); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(routes, func(a, b httpserver.Route) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	nobody := w.caller(t, withScopes(""))
	var table strings.Builder
	for _, r := range routes {
		got := i.call(t, nobody, r.Method, strings.ReplaceAll(r.Path, ":id", "00000000-0000-0000-0000-000000000000"), "")
		scope := "-"
		if _, after, ok := strings.Cut(got.header.Get("WWW-Authenticate"), `scope="`); ok {
			scope = strings.TrimSuffix(after, `"`)
		}
		table.WriteString(strings.Join([]string{r.Method, r.Path, scope}, " ") + "\n")
	}
	golden(t, "routes.golden", table.String())
}

func TestEveryMistakeInTheEnvironmentIsListed(t *testing.T) {
	t.Parallel()
	for name, variables := range map[string]map[string]string{
		"nothing": {},
		"unsafe": {
			"DATABASE_URL": "postgres://u:hunter2@db/x?sslmode=require", "REDIS_URL": "redis://cache:6379/0", "REDIS_USE_TLS": "false",
			"NATS_URL": "nats://bus:4222", "JWT_SECRET": "hunter2", "JWT_ISSUER": "http://auth", "CLERK_SECRET_KEY": "sk_hunter2",
			"CACHE_MODE": "fast", "CACHE_AVAILABLE_FOR": "0s", "CACHE_FOREIGN": "away", "CACHE_FOREIGN_LAG": "0s", "HTTP_REQUEST_TIMEOUT": "0s", "TRUSTED_PROXIES": "0.0.0.0/0", "APP_ENV": "production", "LOG_LEVEL": "loud",
			"INVALIDATION_POLL": "1ns", "DATABASE_MAX_CONNS": "many",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, command := range []string{"run", "migrate"} {
				cmd, said := program(t.Context(), t, variables, command)
				err := cmd.Run()
				if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 2 {
					t.Errorf("%v: %s", err, said)
				}
				if strings.Contains(said.String(), "hunter2") {
					t.Errorf("a secret is shown: %s", said)
				}
				golden(t, "mistakes-"+name+"-"+command+".golden", said.String())
			}
		})
	}
}

func TestNothingIsLeftRunning(t *testing.T) { //nolint:paralleltest // it looks at every goroutine of the process
	w := newWorld(t, devstack.Options{}) // what others share may start something meanwhile
	before := goleak.IgnoreCurrent()
	i := w.start(t)
	by := w.caller(t)
	path, _ := i.create(t, by, `{"type":"invoice","name":"n"}`)
	i.call(t, by, "PATCH", path, `{"name":"m"}`)
	if err := i.stop(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
	i.operator.CloseIdleConnections()
	goleak.VerifyNone(t, before,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),    // one for the whole process
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2")) // looks every 10 s whether it should end
}
