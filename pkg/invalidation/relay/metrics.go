package relay

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	lag       prometheus.Histogram
	pending   prometheus.Gauge
	oldest    prometheus.Gauge
	published prometheus.Counter
	skipped   prometheus.Counter
	deleted   prometheus.Counter
	failures  *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "invalidation_lag_seconds", Help: "From the start of a write to its announcement, by the database's clock.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60, 600},
		}),
		pending: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "invalidation_outbox_pending", Help: "Changes that are not announced yet; of each shard at most 1000 are counted.",
		}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "invalidation_outbox_oldest_seconds", Help: "Age of the oldest change that is not announced yet.",
		}),
		published: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "invalidation_published_total", Help: "Changes announced by this process.",
		}),
		skipped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "invalidation_skipped_total", Help: "Changes found announced already, or older than what is.",
		}),
		deleted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "invalidation_outbox_deleted_total", Help: "Rows of finished operations deleted by this process after 48 hours.",
		}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "invalidation_publish_errors_total", Help: "Attempts to announce that failed, by reason.",
		}, []string{"reason"}),
	}
	if reg != nil {
		reg.MustRegister(m.lag, m.pending, m.oldest, m.published, m.skipped, m.deleted, m.failures)
	}
	return m
}

func (m *metrics) failed(reason string) { m.failures.WithLabelValues(reason).Inc() }
