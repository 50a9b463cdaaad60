package natsfx

import (
	"context"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/propagation"
)

// carrier lets W3C trace context travel in NATS headers. NATS keeps the case of
// a header's name, so the lower-case names of the specification are used as
// they are.
type carrier nats.Header

// Get implements [propagation.TextMapCarrier].
func (c carrier) Get(key string) string { return nats.Header(c).Get(key) }

// Set implements [propagation.TextMapCarrier].
func (c carrier) Set(key, value string) { nats.Header(c).Set(key, value) }

// Keys implements [propagation.TextMapCarrier].
func (c carrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for k := range c {
		keys = append(keys, k)
	}
	return keys
}

// Inject writes the trace that ctx is part of, if any, into the headers of a
// message that is about to be published.
func Inject(ctx context.Context, msg *nats.Msg) {
	if msg.Header == nil {
		msg.Header = nats.Header{}
	}
	propagation.TraceContext{}.Inject(ctx, carrier(msg.Header))
}

// Extract returns ctx as a part of the trace that a received message names.
func Extract(ctx context.Context, header nats.Header) context.Context {
	return propagation.TraceContext{}.Extract(ctx, carrier(header))
}
