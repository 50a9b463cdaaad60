// Package telemetry makes the logger, the metrics registry and the tracer of a
// service.
//
// It promises that a line of the log can be found from the request it belongs
// to and from its trace, and that what is not asked for (traces) costs nothing.
// Nothing here is global but OpenTelemetry's own error handler.
package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
)

// Service is what every log line and every span says about its origin.
type Service struct {
	Name    string
	Version string
	Region  string
}

// RequestIDKey is the key under which a context gives the id of its request as
// a string. It is exported for context types that answer it themselves, without
// a wrapper for each request.
type RequestIDKey struct{}

// RequestID is the id of the request that ctx belongs to, or nothing.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(RequestIDKey{}).(string)
	return id
}

// Fields names the request and the trace that a log line belongs to.
func Fields(ctx context.Context) []zap.Field {
	fields := make([]zap.Field, 0, 3)
	if id := RequestID(ctx); id != "" {
		fields = append(fields, zap.String("request_id", id))
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		fields = append(fields,
			zap.String("trace_id", span.TraceID().String()), zap.String("span_id", span.SpanID().String()))
	}
	return fields
}

// TraceParent is the trace that ctx belongs to, as the header of that name (W3C),
// or nothing.
func TraceParent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	header := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, header)
	return header.Get("traceparent")
}
