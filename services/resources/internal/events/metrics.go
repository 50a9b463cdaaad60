package events

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	applied, failed prometheus.Counter
	lag             prometheus.Histogram
	gaps            *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, following func() bool, horizon *Horizon) metrics {
	heard := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "invalidation_heard_total", Help: "Events that came to this process, by result: applied, or failed and to come again.",
	}, []string{"result"})
	m := metrics{
		applied: heard.WithLabelValues("applied"),
		failed:  heard.WithLabelValues("failed"),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "invalidation_heard_lag_seconds", Help: "From the start of a write, by the database's clock, to its event being applied, by this machine's.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60, 600},
		}),
		gaps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "invalidation_gaps_total", Help: "Times that this process may have missed events, by reason (began: when it started).",
		}, []string{"reason"}),
	}
	now := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "invalidation_following", Help: "1 while this process hears events, or that there are none.",
	}, func() float64 {
		if following() {
			return 1
		}
		return 0
	})
	if reg != nil {
		reg.MustRegister(heard, m.lag, m.gaps, now)
	}
	if reg != nil && horizon != nil {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "invalidation_behind_seconds", Help: "Every change acknowledged longer ago than this is heard. Beyond CACHE_FOREIGN_LAG other regions' resources are read from the database.",
		}, horizon.behind))
	}
	return m
}
