package httpserver

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"

	"tandem.example/pkg/fault"
	"tandem.example/pkg/telemetry"
)

// request is what the server knows about one request, and the context its
// handlers run under. One allocation serves all of that: a timer, a channel and
// the rest of a usual context are made only for those who wait for Done.
//
// It outlives the request if somebody keeps the context, so it is not reused
// and holds nothing that Fiber lends.
type request struct {
	id       requestID
	client   netip.Addr
	peer     netip.Addr
	start    time.Time
	deadline time.Time

	// For the log line; only the request's own goroutine touches them.
	endpoint *endpoint
	method   string
	status   int
	took     time.Duration
	failure  *fault.Error
	traced   bool
	traceID  [16]byte
	line     [1]zap.Field // room that would be allocated otherwise
	text     [39]byte     // the longest IPv6 address

	mu     sync.Mutex      // guards the rest
	waited context.Context //nolint:containedctx // This type is a context; it makes the usual one when it must.
	cancel context.CancelFunc
	over   bool
}

type requestKey struct{}

// requestOf finds the request that ctx belongs to; nil if there is none.
func requestOf(ctx context.Context) *request {
	r, _ := ctx.Value(requestKey{}).(*request)
	return r
}

// Deadline is when the work for the request must be done.
func (r *request) Deadline() (time.Time, bool) { return r.deadline, true }

// Done is closed at the deadline or when the request has been answered.
func (r *request) Done() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waited == nil {
		r.waited, r.cancel = context.WithDeadline(context.Background(), r.deadline)
		if r.over {
			r.cancel()
		}
	}
	return r.waited.Done()
}

// Err says why the work should stop.
func (r *request) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.waited != nil:
		return r.waited.Err()
	case r.over:
		return context.Canceled
	case !time.Now().Before(r.deadline):
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// Value answers for the request's own keys. Others go to the usual context, if
// there is one, so that contexts derived from this one attach to it directly.
func (r *request) Value(key any) any {
	switch key.(type) {
	case requestKey:
		return r
	case telemetry.RequestIDKey:
		return r.id.String()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waited == nil {
		return nil
	}
	return r.waited.Value(key)
}

// end cancels whatever still works for the request.
func (r *request) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	if r.cancel != nil {
		r.cancel()
	}
}
