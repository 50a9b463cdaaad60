package epoch

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	number   prometheus.Gauge
	changes  prometheus.Counter
	advances prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		number: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "redis_epoch", Help: "Number of the Redis incarnation in use.",
		}),
		changes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "redis_epoch_changes_total", Help: "Times this instance came to use another Redis incarnation, the first included.",
		}),
		advances: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "redis_epoch_advances_total", Help: "Times this instance declared another Redis the current one.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.number, m.changes, m.advances)
	}
	return m
}
