package httpserver

import (
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"
	"go.uber.org/zap"
)

// Module provides *Server, serving from start to stop. Whoever wants it served
// must ask for it: fx.Invoke(func(*httpserver.Server) {}).
var Module = fx.Module("httpserver", fx.Provide(provide))

type params struct {
	fx.In

	Config     Config
	Log        *zap.Logger
	Metrics    prometheus.Registerer
	Gatherer   prometheus.Gatherer
	Tracing    trace.TracerProvider
	Routes     []Route `group:"routes"`
	Checks     []Check `group:"checks"`
	Shutdowner fx.Shutdowner
}

func provide(life fx.Lifecycle, p params) (*Server, error) {
	log := p.Log.Named("http")
	server, err := New(Options{
		Config: p.Config, Log: log, Metrics: p.Metrics, Gatherer: p.Gatherer, Tracing: p.Tracing,
		Routes: p.Routes, Checks: p.Checks,
		Failed: func(err error) {
			log.Error("listener failed", zap.Error(err))
			_ = p.Shutdowner.Shutdown(fx.ExitCode(1)) // fails only if the program stops already
		},
	})
	if err != nil {
		return nil, err
	}
	life.Append(fx.Hook{OnStart: server.Start, OnStop: server.Stop})
	return server, nil
}

// ProvideRoutes adds the routes that constructor returns as []Route.
func ProvideRoutes(constructor any) fx.Option {
	return fx.Provide(fx.Annotate(constructor, fx.ResultTags(`group:"routes,flatten"`)))
}

// ProvideChecks adds the []Check that constructor returns.
func ProvideChecks(constructor any) fx.Option {
	return fx.Provide(fx.Annotate(constructor, fx.ResultTags(`group:"checks,flatten"`)))
}

// ProvideCheck adds the Check that constructor returns.
func ProvideCheck(constructor any) fx.Option {
	return fx.Provide(fx.Annotate(constructor, fx.ResultTags(`group:"checks"`)))
}
