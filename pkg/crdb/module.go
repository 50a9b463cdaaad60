package crdb

import (
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"
)

// Module provides *DB, closed at stop.
var Module = fx.Module("crdb", fx.Provide(provide))

func provide(life fx.Lifecycle, cfg Config, reg prometheus.Registerer, tracing trace.TracerProvider) (*DB, error) {
	db, err := Open(cfg, reg, tracing)
	if err != nil {
		return nil, err
	}
	life.Append(fx.StopHook(db.Close))
	return db, nil
}
