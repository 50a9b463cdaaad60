package audit

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	lag       prometheus.Histogram
	pending   prometheus.Gauge
	oldest    prometheus.Gauge
	published prometheus.Counter
	failures  *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "audit_lag_seconds", Help: "From an event to its announcement.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60, 600},
		}),
		pending: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "audit_outbox_pending", Help: "Events that are not announced yet; at most 10000 are counted.",
		}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "audit_outbox_oldest_seconds", Help: "Age of the oldest event that is not announced yet.",
		}),
		published: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "audit_published_total", Help: "Events announced by this process.",
		}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "audit_publish_errors_total", Help: "Attempts to announce that failed, by reason.",
		}, []string{"reason"}),
	}
	reg.MustRegister(m.lag, m.pending, m.oldest, m.published, m.failures)
	return m
}

func (m *metrics) failed(reason string) { m.failures.WithLabelValues(reason).Inc() }
