package telemetry

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// NewTracing gives a provider that exports over OTLP/HTTP if the environment
// asks for that, else one that does nothing ([Traced] tells them apart).
// Shutdown sends what is still held back. It does not connect.
func NewTracing(ctx context.Context, cfg Config, service Service) (_ trace.TracerProvider, shutdown func(context.Context) error, err error) {
	if !cfg.traces() {
		return noop.NewTracerProvider(), func(context.Context) error { return nil }, nil
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("make trace exporter: %w", err)
	}
	// What the operator says in OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES
	// comes last and wins.
	about, err := resource.New(ctx,
		resource.WithAttributes(
			attribute.String("service.name", service.Name),
			attribute.String("service.version", service.Version),
			attribute.String("cloud.region", service.Region),
		),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, nil, fmt.Errorf("describe trace resource: %w", err)
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))
	return provider, provider.Shutdown, nil
}

// Traced reports whether spans of provider go anywhere, so that whatever makes
// them can be left out.
func Traced(provider trace.TracerProvider) bool {
	_, off := provider.(noop.TracerProvider)
	return provider != nil && !off
}
