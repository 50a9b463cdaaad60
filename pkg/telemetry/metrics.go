package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// NewRegistry is a registry that already tells about the Go runtime, the
// process and the build.
func NewRegistry(service Service) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "service_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"service": service.Name, "version": service.Version, "region": service.Region},
	})
	info.Set(1)
	reg.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}
