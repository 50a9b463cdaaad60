package coherent

import "github.com/prometheus/client_golang/prometheus"

// kind is what was read.
type kind uint8

const (
	items kind = iota
	lists
	kinds
)

func (k kind) String() string { return [kinds]string{"item", "list"}[k] }

// metrics are bound once: the hit path adds to a counter and nothing more.
type metrics struct {
	reads    [kinds][sources]prometheus.Counter
	dropped  [kinds]prometheus.Counter
	outdated prometheus.Counter
	flights  prometheus.Counter
	joins    prometheus.Counter
	fills    *prometheus.CounterVec
	markers  *prometheus.CounterVec
	resolves *prometheus.CounterVec
	marked   prometheus.Gauge
	oldest   prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) metrics {
	reads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cache_reads_total", Help: "Reads through the cache by kind (item, list), outcome (hit, miss, bypass) and its cause.",
	}, []string{"kind", "outcome", "cause"})
	dropped := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cache_dropped_total", Help: "What was dropped since news of a write came that had not come by here, by kind (item, list: all lists of a scope).",
	}, []string{"kind"})
	m := metrics{
		outdated: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cache_outdated_total", Help: "Items at home in other regions that were cached here until news of a write came.",
		}),
		flights: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cache_flights_total", Help: "Ways to the database that readers of one key shared, or could have.",
		}),
		joins: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cache_flight_joins_total", Help: "Readers that joined another reader's way to the database.",
		}),
		fills: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cache_fills_total", Help: "What became of values read to be stored (stored, refused, failed, oversize); of writes only oversize.",
		}, []string{"result"}),
		markers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cache_markers_found_total", Help: "Write markers that readers met (pending, overdue) or the janitor found (abandoned; buried: of an epoch that is over).",
		}, []string{"state"}),
		resolves: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cache_resolves_total", Help: "Write markers settled by asking the database, by outcome.",
		}, []string{"outcome"}),
		marked: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "cache_markers", Help: "Write markers in the region's Redis when the janitor last looked.",
		}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "cache_markers_oldest_seconds", Help: "Age of the oldest of them. Minutes mean that something keeps markers from being resolved.",
		}),
	}
	for k := range kinds {
		m.dropped[k] = dropped.WithLabelValues(k.String())
		for s := Hit; s < sources; s++ {
			m.reads[k][s] = reads.WithLabelValues(k.String(), s.Outcome(), s.Cause())
		}
	}
	if reg != nil {
		reg.MustRegister(reads, dropped, m.outdated, m.flights, m.joins, m.fills, m.markers, m.resolves, m.marked, m.oldest)
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

func (m metrics) registered(now state) {
	m.marked.Set(float64(now.markers))
	m.oldest.Set(now.age.Seconds())
}

func (m metrics) filled(result string) { m.fills.WithLabelValues(result).Inc() }

func (c *Cache) count(of kind, s Source) Source {
	c.metrics.reads[of][s].Inc()
	return s
}
