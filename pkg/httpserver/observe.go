package httpserver

import (
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"tandem.example/pkg/fault"
)

// begin gives the request its identity, its deadline and the header fields that
// every answer has.
func (s *Server) begin(c *fiber.Ctx, e *endpoint) *request {
	r := &request{start: time.Now(), endpoint: e, peer: peerAddr(c)}
	r.deadline = r.start.Add(s.cfg.RequestTimeout)
	r.client = r.peer
	known := false
	if s.cfg.TrustedProxies.Contains(r.peer) {
		header := &c.Request().Header
		r.client = clientAddr(r.peer, s.cfg.TrustedProxies, header.PeekAll(fiber.HeaderXForwardedFor))
		r.id, known = parseRequestID(header.Peek(fiber.HeaderXRequestID))
	}
	if !known {
		r.id = newRequestID(r.start)
	}
	c.SetUserContext(r)
	header := &c.Response().Header
	for i := range s.fixed {
		header.SetCanonical(s.fixed[i].name, s.fixed[i].value)
	}
	header.SetCanonical(s.idHeader, r.id[:])
	if s.draining.Load() {
		c.Response().SetConnectionClose() // so that the client leaves in time
	}
	return r
}

// finish tells about an answered request and ends its context.
func (s *Server) finish(c *fiber.Ctx, r *request) {
	r.status = c.Response().StatusCode()
	r.took = time.Since(r.start)
	r.method = methodLabel(c.Method())
	r.endpoint.seconds[r.method].observe(r.status, r.took)
	level := zapcore.InfoLevel
	switch {
	case r.status == fiber.StatusInternalServerError:
		level = zapcore.ErrorLevel
	case r.status > fiber.StatusInternalServerError:
		level = zapcore.WarnLevel
	}
	if line := s.log.Check(level, "request"); line != nil {
		r.line[0] = zap.Inline(r)
		line.Write(r.line[:]...)
	}
	r.end()
}

// MarshalLogObject writes the access log line. It says which route was called,
// never which path or query, and not from exactly where.
func (r *request) MarshalLogObject(out zapcore.ObjectEncoder) error {
	out.AddString("method", r.method)
	out.AddString("route", r.endpoint.route)
	out.AddInt("status", r.status)
	out.AddDuration("duration", r.took)
	out.AddByteString("request_id", r.id[:])
	if client := cut(r.client); client.IsValid() {
		out.AddByteString("client", client.AppendTo(r.text[:0]))
	}
	if r.traced {
		out.AddString("trace_id", traceID(r.traceID))
	}
	if r.failure != nil {
		out.AddString("code", r.failure.Code)
		if hidden, ok := errors.AsType[*fault.Error](r.failure.Unwrap()); ok {
			out.AddString("reason", hidden.Code) // what the client is not told; a code says nothing of anybody
		}
		if r.status >= fiber.StatusInternalServerError {
			out.AddString("error", r.failure.Error())
		}
	}
	return nil
}

// methodLabel keeps strangers from making up label values, and gives a string
// that is not Fiber's.
func methodLabel(method string) string {
	switch method {
	case fiber.MethodGet:
		return fiber.MethodGet
	case fiber.MethodHead:
		return fiber.MethodHead
	case fiber.MethodPost:
		return fiber.MethodPost
	case fiber.MethodPut:
		return fiber.MethodPut
	case fiber.MethodPatch:
		return fiber.MethodPatch
	case fiber.MethodDelete:
		return fiber.MethodDelete
	case fiber.MethodOptions:
		return fiber.MethodOptions
	default:
		return "other"
	}
}
