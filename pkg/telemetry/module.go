package telemetry

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Module provides the logger, the registry in both its roles and the tracer
// provider, which is flushed at stop. It needs a Config and a Service.
var Module = fx.Module("telemetry",
	fx.Provide(
		provideLogger,
		fx.Annotate(NewRegistry, fx.As(new(prometheus.Registerer)), fx.As(new(prometheus.Gatherer))),
		provideTracing,
	),
)

const (
	logFlush = 200 * time.Millisecond
	logBlock = 64 << 10
)

// provideLogger writes in blocks, since a system call for each request's line is
// a tenth of what a cached read costs. A warning goes out at once, and all that
// came before it; a killed process loses at most the last moment.
func provideLogger(life fx.Lifecycle, cfg Config, service Service) *zap.Logger {
	out := &zapcore.BufferedWriteSyncer{
		WS:   zapcore.AddSync(struct{ io.Writer }{os.Stderr}), // a pipe cannot be synced
		Size: logBlock, FlushInterval: logFlush,
	}
	life.Append(fx.StopHook(out.Stop))
	prompt := zap.Hooks(func(e zapcore.Entry) error {
		if e.Level < zapcore.WarnLevel {
			return nil
		}
		return out.Sync()
	})
	return NewLogger(cfg, service, out).WithOptions(prompt)
}

// FxLogger shows what fx does to those who debug.
func FxLogger(log *zap.Logger) fxevent.Logger {
	events := &fxevent.ZapLogger{Logger: log.Named("fx")}
	events.UseLogLevel(zapcore.DebugLevel)
	return events
}

func provideTracing(life fx.Lifecycle, cfg Config, service Service, log *zap.Logger) (trace.TracerProvider, error) {
	provider, shutdown, err := NewTracing(context.Background(), cfg, service)
	if err != nil {
		return nil, err
	}
	if Traced(provider) {
		// The exporter reports its failures nowhere else.
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
			log.Named("otel").Warn("telemetry not exported", zap.Error(err))
		}))
	}
	life.Append(fx.StopHook(shutdown))
	return provider, nil
}
