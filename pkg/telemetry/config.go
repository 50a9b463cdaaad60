package telemetry

import "go.uber.org/zap/zapcore"

// Config is the part of a service's environment that is about being observed.
// The OTEL variables are OpenTelemetry's own: the exporter, the sampler and the
// resource read the rest of them from the environment by themselves.
type Config struct {
	LogLevel       zapcore.Level `env:"LOG_LEVEL" envDefault:"info"`
	TracesExporter string        `env:"OTEL_TRACES_EXPORTER" envDefault:"otlp"`
	Endpoint       string        `env:"OTEL_EXPORTER_OTLP_ENDPOINT"`
	TracesEndpoint string        `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"`
	Protocol       string        `env:"OTEL_EXPORTER_OTLP_PROTOCOL" envDefault:"http/protobuf"`
	TracesProtocol string        `env:"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"`
	Disabled       bool          `env:"OTEL_SDK_DISABLED"`
}

// Check refuses what would silently export nothing.
func (c Config) Check(_ string, report func(variable, problem string)) {
	if c.TracesExporter != "otlp" && c.TracesExporter != "none" {
		report("OTEL_TRACES_EXPORTER", "must be otlp or none")
	}
	if !c.traces() {
		return
	}
	if c.TracesProtocol == "" && c.Protocol != httpProtobuf {
		report("OTEL_EXPORTER_OTLP_PROTOCOL", "must be "+httpProtobuf)
	}
	if c.TracesProtocol != "" && c.TracesProtocol != httpProtobuf {
		report("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "must be "+httpProtobuf)
	}
}

const httpProtobuf = "http/protobuf"

// traces reports whether anybody asked for spans: naming a collector does.
func (c Config) traces() bool {
	return !c.Disabled && c.TracesExporter != "none" && (c.Endpoint != "" || c.TracesEndpoint != "")
}
