package httpserver_test

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"tandem.example/pkg/httpserver"
	"tandem.example/pkg/telemetry"
)

func TestModule(t *testing.T) {
	t.Parallel()
	var server *httpserver.Server
	app := fxtest.New(t, fx.NopLogger, telemetry.Module, httpserver.Module,
		fx.Supply(defaults(), telemetry.Config{}, telemetry.Service{Name: "test"}),
		httpserver.ProvideRoutes(func() []httpserver.Route { return []httpserver.Route{handle("GET", "/a", ok)} }),
		httpserver.ProvideRoutes(func() []httpserver.Route {
			return []httpserver.Route{handle("GET", "/b", ok), handle("GET", "/c", ok)}
		}),
		httpserver.ProvideCheck(func() httpserver.Check {
			return httpserver.Check{Name: "database", Probe: func(context.Context) error { return errors.New("away") }}
		}),
		fx.Populate(&server))
	app.RequireStart()
	for _, path := range []string{"/a", "/b", "/c"} {
		if got := call(t, "GET", "http://"+server.Addr()+path, ""); got.Body != "ok" {
			t.Errorf("%s: %s", path, got.Status)
		}
	}
	if got := call(t, "GET", "http://"+server.AdminAddr()+"/readyz", ""); got.StatusCode != 503 {
		t.Errorf("the check is not asked: %s", got.Status)
	}
	app.RequireStop()
}

func TestAnAddressInUseFailsTheStart(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, change := range []func(*httpserver.Config){
		func(c *httpserver.Config) { c.Addr = s.Addr() },
		func(c *httpserver.Config) { c.AdminAddr = s.AdminAddr() },
	} {
		o := options(t)
		change(&o.Config)
		second, err := httpserver.New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := second.Start(t.Context()); err == nil {
			t.Error("started on an address in use")
		}
	}
}
