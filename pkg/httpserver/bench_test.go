package httpserver

import (
	"io"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"tandem.example/pkg/telemetry"
)

// BenchmarkChain is the price of everything around a handler: the same request
// through a bare Fiber application, through the chain as behind a gateway, and
// with logging at warn.
func BenchmarkChain(b *testing.B) {
	body := []byte(`{"ok":true}`)
	handler := func(c *fiber.Ctx) error { return c.Send(body) }
	b.Run("bare", func(b *testing.B) {
		app := fiber.New()
		app.Get("/v1/things/:id", handler)
		run(b, app.Handler())
	})
	for name, cfg := range map[string]telemetry.Config{"chain": {}, "chain without log": {LogLevel: 1}} {
		b.Run(name, func(b *testing.B) {
			s, err := New(Options{
				Config:  Config{RequestTimeout: time.Second, TrustedProxies: networks(b, "127.0.0.1,0.0.0.0"), BodyLimit: 1024, MaxConnections: 1},
				Log:     telemetry.NewLogger(cfg, telemetry.Service{Name: "bench"}, io.Discard),
				Metrics: prometheus.NewRegistry(), Gatherer: prometheus.NewRegistry(),
				Routes: []Route{{Method: "GET", Path: "/v1/things/:id", Handlers: []fiber.Handler{handler}}},
			})
			if err != nil {
				b.Fatal(err)
			}
			s.app.Handler() // builds the route tree
			run(b, s.app.Server().Handler)
		})
	}
}

func run(b *testing.B, handler fasthttp.RequestHandler) {
	b.Helper()
	var ctx fasthttp.RequestCtx
	ctx.Request.Header.SetMethod("GET")
	ctx.Request.SetRequestURI("/v1/things/01234567-89ab-7def-8123-456789abcdef")
	ctx.Request.Header.Set("X-Forwarded-For", "203.0.113.9")
	ctx.Request.Header.Set("X-Forwarded-Proto", "https")
	b.ReportAllocs()
	for b.Loop() {
		ctx.Response.Reset()
		handler(&ctx)
		if ctx.Response.StatusCode() != fiber.StatusOK {
			b.Fatalf("status %d: %s", ctx.Response.StatusCode(), ctx.Response.Body())
		}
		ctx.ResetUserValues()
	}
}
