package httpserver

import (
	"encoding/hex"

	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// trace runs the rest of the chain in a span that continues the caller's trace.
// A caller's baggage is not taken over: it would travel on to others.
func (s *Server) trace(e *endpoint) fiber.Handler {
	return func(c *fiber.Ctx) error {
		r := requestOf(c.UserContext())
		method := methodLabel(c.Method())
		ctx := propagation.TraceContext{}.Extract(c.UserContext(), carrier{c})
		ctx, span := s.tracer.Start(ctx, method+" "+e.route, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			attribute.String("http.request.method", method), attribute.String("http.route", e.route)))
		defer span.End()
		r.traced, r.traceID = true, span.SpanContext().TraceID()
		c.SetUserContext(ctx)
		err := c.Next()
		status := c.Response().StatusCode()
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if status >= fiber.StatusInternalServerError && r.failure != nil {
			span.SetStatus(codes.Error, r.failure.Code)
		}
		return err
	}
}

func traceID(id [16]byte) string { return hex.EncodeToString(id[:]) }

// carrier reads the header fields of a request.
type carrier struct{ c *fiber.Ctx }

// Get copies: the text may outlive the request in a span.
func (h carrier) Get(key string) string { return string(h.c.Request().Header.Peek(key)) }

// Set does nothing: what arrived is only read.
func (carrier) Set(string, string) {}

// Keys has no use for the one format that is read.
func (carrier) Keys() []string { return nil }

var _ propagation.TextMapCarrier = carrier{}
