package crdb

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// poolCollector reads the pool's own counters when it is scraped.
type poolCollector struct{ pool *pgxpool.Pool }

func poolDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("database_pool_"+name, help, nil, nil)
}

// Describe sends nothing: an unchecked collector needs no descriptions twice.
func (poolCollector) Describe(chan<- *prometheus.Desc) {}

// Collect reads one snapshot.
func (c poolCollector) Collect(out chan<- prometheus.Metric) {
	s := c.pool.Stat()
	gauge := func(name, help string, v float64) {
		out <- prometheus.MustNewConstMetric(poolDesc(name, help), prometheus.GaugeValue, v)
	}
	gauge("connections_acquired", "Connections in use.", float64(s.AcquiredConns()))
	gauge("connections_idle", "Connections open and unused.", float64(s.IdleConns()))
	gauge("connections_max", "Connections the pool may open.", float64(s.MaxConns()))
	out <- prometheus.MustNewConstMetric(poolDesc("acquire_wait_seconds_total", "Time spent waiting for a connection."),
		prometheus.CounterValue, s.EmptyAcquireWaitTime().Seconds())
}
