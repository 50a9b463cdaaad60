package httpserver_test

import (
	"context"
	"testing"

	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"tandem.example/pkg/fault"
	"tandem.example/pkg/httpserver"
)

func TestSpanContinuesTheCallersTrace(t *testing.T) {
	t.Parallel()
	recorder := tracetest.NewSpanRecorder()
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder))
	t.Cleanup(func() { _ = provider.Shutdown(context.WithoutCancel(t.Context())) })
	var inside trace.SpanContext
	var carried string
	s := start(t, func(o *httpserver.Options) {
		o.Tracing = provider
		o.Routes = []httpserver.Route{handle("GET", "/things/:id", func(c *fiber.Ctx) error {
			inside = trace.SpanContextFromContext(c.UserContext())
			carried = baggage.FromContext(c.UserContext()).String()
			return fault.New(fault.Unavailable, "store_unavailable", "the store does not answer")
		})}
	})
	const parent = "4bf92f3577b34da6a3ce929d0e0e4736"
	call(t, "GET", s.URL+"/things/7?secret=hunter2", "", "Traceparent", "00-"+parent+"-00f067aa0ba902b7-01", "Baggage", "k=v")
	if inside.TraceID().String() != parent || !inside.IsSampled() || carried != "" {
		t.Errorf("the handler's trace is %s, its baggage %q", inside.TraceID(), carried)
	}
	spans := recorder.Ended()
	if len(spans) != 1 {
		t.Fatalf("%d spans", len(spans))
	}
	span := spans[0]
	want := attribute.NewSet(attribute.String("http.request.method", "GET"), attribute.String("http.route", "/things/:id"),
		attribute.Int("http.response.status_code", 503))
	got := attribute.NewSet(span.Attributes()...)
	if span.Name() != "GET /things/:id" || span.SpanKind() != trace.SpanKindServer || !got.Equals(&want) ||
		span.Status().Code != codes.Error || span.Status().Description != "store_unavailable" {
		t.Errorf("got %s %v %v", span.Name(), span.Attributes(), span.Status())
	}
	if line := s.Log.requests(t)[0]; line["trace_id"] != parent {
		t.Errorf("the log line is of trace %v", line["trace_id"])
	}
}
