package coherent

import "github.com/prometheus/client_golang/prometheus"

// metrics are bound once: the hit path adds to a counter and nothing more.
type metrics struct {
	reads    [sources]prometheus.Counter
	resolves *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) metrics {
	reads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cache_reads_total", Help: "Reads through the cache by outcome (hit, miss, bypass) and its cause.",
	}, []string{"outcome", "cause"})
	m := metrics{resolves: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cache_resolves_total", Help: "Write markers settled by asking the database, by outcome.",
	}, []string{"outcome"})}
	for s := Hit; s < sources; s++ {
		m.reads[s] = reads.WithLabelValues(s.Outcome(), s.Cause())
	}
	if reg != nil {
		reg.MustRegister(reads, m.resolves)
	}
	return m
}

func (m metrics) resolved(o Outcome, err error) {
	switch {
	case err != nil:
		m.resolves.WithLabelValues("undecided").Inc()
	case o.Committed():
		m.resolves.WithLabelValues("committed").Inc()
	default:
		m.resolves.WithLabelValues("aborted").Inc()
	}
}

func (c *Cache) count(s Source) Source {
	c.metrics.reads[s].Inc()
	return s
}
