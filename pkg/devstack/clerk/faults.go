package clerk

import (
	"io"
	"net/http"
	"strconv"
	"time"
)

// Fault is how the Backend API fails.
type Fault struct {
	status     int
	retryAfter time.Duration
	hang       bool
}

// RateLimited answers 429 and says when to try again, in whole seconds.
func RateLimited(retryAfter time.Duration) Fault {
	return Fault{status: http.StatusTooManyRequests, retryAfter: retryAfter}
}

// BadGateway answers 502 with a page of HTML, as a proxy before Clerk does.
func BadGateway() Fault { return Fault{status: http.StatusBadGateway} }

// Hang accepts requests and does not answer them. Those that still wait when
// the stand-in is mended are answered then.
func Hang() Fault { return Fault{hang: true} }

// Break makes every call of the Backend API fail until Mend.
func (s *Server) Break(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.mended) // requests that hang in an earlier fault go on
	s.fault, s.mended = f, make(chan struct{})
}

// Mend ends a fault.
func (s *Server) Mend() { s.Break(Fault{}) }

func (s *Server) breakable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		f, mended := s.fault, s.mended
		s.mu.Unlock()
		switch {
		case f.hang:
			select {
			case <-r.Context().Done():
				return
			case <-mended:
			}
			next.ServeHTTP(w, r)
		case f.status == http.StatusTooManyRequests:
			w.Header().Set("Retry-After", strconv.Itoa(int(f.retryAfter.Seconds())))
			fail(w, f.status, "too_many_requests", "Too many requests. Please try again in a bit.")
		case f.status != 0:
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(f.status)
			_, _ = io.WriteString(w, "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n")
		default:
			next.ServeHTTP(w, r)
		}
	})
}
