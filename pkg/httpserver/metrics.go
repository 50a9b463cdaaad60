package httpserver

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (metrics, error) {
	m := metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "http_request_duration_seconds",
			Help:    "Time from a request's arrival to its answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20},
		}, []string{"method", "route", "status"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "http_requests_in_flight", Help: "Requests that have not been answered yet.",
		}),
	}
	for _, c := range []prometheus.Collector{m.seconds, m.inFlight} {
		if err := reg.Register(c); err != nil {
			return metrics{}, fmt.Errorf("register HTTP metrics: %w", err)
		}
	}
	return m, nil
}

// durations are the histograms of one route and method. Finding one by its
// labels costs more than observing a value, so each is looked up once.
type durations struct {
	vec           *prometheus.HistogramVec
	method, route string
	byStatus      [500]atomic.Pointer[prometheus.Observer] // from status 100
}

func (d *durations) observe(status int, took time.Duration) {
	if status < 100 || status >= 100+len(d.byStatus) {
		return // not HTTP
	}
	slot := &d.byStatus[status-100]
	histogram := slot.Load()
	if histogram == nil {
		found := d.vec.WithLabelValues(d.method, d.route, strconv.Itoa(status))
		histogram = &found
		slot.Store(histogram)
	}
	(*histogram).Observe(took.Seconds())
}
