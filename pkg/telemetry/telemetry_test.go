package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/zap"

	"tandem.example/pkg/devstack/leak"
	"tandem.example/pkg/env"
	"tandem.example/pkg/telemetry"
)

func TestMain(m *testing.M) { leak.Main(m) }

func lineOf(t *testing.T, out *bytes.Buffer) map[string]any {
	t.Helper()
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("not one JSON line: %s", out)
	}
	return line
}

func TestLogLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := telemetry.NewLogger(telemetry.Config{}, telemetry.Service{Name: "auth", Version: "1.2.3", Region: "eu-1"}, &out)
	log.Debug("not asked for")
	log.Named("tokens").Warn("hello", zap.Duration("took", 1500*time.Millisecond), zap.Any("secret", env.Secret("hunter2")))
	line := lineOf(t, &out)
	ts, _ := line["ts"].(string)
	if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$`).MatchString(ts) {
		t.Errorf("ts is %q", ts)
	}
	delete(line, "ts")
	want := map[string]any{
		"level": "warn", "logger": "tokens", "msg": "hello", "service": "auth", "version": "1.2.3", "region": "eu-1",
		"took": 1.5, "secret": "[redacted]",
	}
	if !maps.Equal(line, want) {
		t.Errorf("got %v", line)
	}
}

func TestFieldsNameRequestAndTrace(t *testing.T) {
	t.Parallel()
	if fields := telemetry.Fields(t.Context()); len(fields) != 0 {
		t.Errorf("outside a request: %v", fields)
	}
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: [16]byte{1}, SpanID: [8]byte{2}})
	ctx := trace.ContextWithSpanContext(context.WithValue(t.Context(), telemetry.RequestIDKey{}, "r-1"), span)
	var out bytes.Buffer
	telemetry.NewLogger(telemetry.Config{}, telemetry.Service{}, &out).Info("hello", telemetry.Fields(ctx)...)
	line := lineOf(t, &out)
	if line["request_id"] != "r-1" || line["trace_id"] != "01000000000000000000000000000000" || line["span_id"] != "0200000000000000" {
		t.Errorf("got %v", line)
	}
}

func TestTracingIsOffUntilAskedFor(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]telemetry.Config{
		"nothing set": {},
		"switched off": {
			Endpoint: "http://localhost:4318", Disabled: true,
		},
		"no exporter": {Endpoint: "http://localhost:4318", TracesExporter: "none"},
	} {
		provider, shutdown, err := telemetry.NewTracing(t.Context(), cfg, telemetry.Service{})
		if err != nil || telemetry.Traced(provider) || shutdown(t.Context()) != nil {
			t.Errorf("%s: %T, %v", name, provider, err)
		}
	}
	if telemetry.Traced(nil) || telemetry.Traced(noop.NewTracerProvider()) {
		t.Error("nothing counts as something")
	}
}

// TestSpansReachTheCollector sets the variables that the exporter reads itself.
func TestSpansReachTheCollector(t *testing.T) {
	bodies := make(chan string, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		select {
		case bodies <- r.URL.Path + " " + r.Header.Get("Content-Type") + " " + body.String():
		default:
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=stage-7,service.name=named-by-the-operator")
	provider, shutdown, err := telemetry.NewTracing(t.Context(), telemetry.Config{Endpoint: collector.URL}, telemetry.Service{Name: "auth-test"})
	if err != nil || !telemetry.Traced(provider) {
		t.Fatalf("%T, %v", provider, err)
	}
	_, span := provider.Tracer("test").Start(t.Context(), "span-under-test")
	span.End()
	if err := shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	got := <-bodies
	for _, part := range []string{"/v1/traces application/x-protobuf", "span-under-test", "named-by-the-operator", "stage-7"} {
		if !strings.Contains(got, part) {
			t.Errorf("%s is not in what was sent", part)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		set  map[string]string
		want string
	}{
		"nothing":     {nil, ""},
		"a collector": {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ""},
		"by gRPC": {
			map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
			"OTEL_EXPORTER_OTLP_PROTOCOL",
		},
		"traces by gRPC": {
			map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4317", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"},
			"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
		},
		"traces not by gRPC": {
			map[string]string{
				"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
				"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
			}, "",
		},
		"another exporter": {map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER"},
		"a level":          {map[string]string{"LOG_LEVEL": "loud"}, "LOG_LEVEL"},
	} {
		_, err := env.Load[telemetry.Config](func(name string) (string, bool) { v, ok := test.set[name]; return v, ok })
		problems, _ := errors.AsType[env.LoadError](err)
		if test.want == "" && err == nil {
			continue
		}
		if len(problems) != 1 || problems[0].Variable != test.want {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestModule(t *testing.T) {
	t.Parallel()
	var (
		reg      prometheus.Registerer
		gatherer prometheus.Gatherer
	)
	app := fxtest.New(t, fx.WithLogger(telemetry.FxLogger), telemetry.Module,
		fx.Supply(telemetry.Config{LogLevel: zap.WarnLevel}, telemetry.Service{Name: "auth", Version: "1", Region: "eu-1"}),
		fx.Populate(&reg, &gatherer), fx.Invoke(func(*zap.Logger, trace.TracerProvider) {}))
	app.RequireStart()
	reg.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "one_more", Help: "."}))
	families, err := gatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, family := range families {
		names = append(names, family.GetName())
	}
	for _, name := range []string{"one_more", "service_info", "go_goroutines", "process_start_time_seconds"} {
		if !strings.Contains(strings.Join(names, " "), name) {
			t.Errorf("%s is missing of %v", name, names)
		}
	}
	app.RequireStop()
	if err := app.Err(); err != nil {
		t.Error(err)
	}
}
