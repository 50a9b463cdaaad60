package clerksession

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	maxBody       = 1 << 20
	maxRetryAfter = time.Minute
)

// bounded is what the SDK's transport lacks: a limit to what is read, and a
// status as an error that does not repeat what Clerk wrote.
type bounded struct{ next http.RoundTripper }

// statusError is an answer other than 200.
type statusError struct {
	status     int
	retryAfter time.Duration
}

func (e *statusError) Error() string { return fmt.Sprintf("Clerk answered %d", e.status) }

// RoundTrip implements [http.RoundTripper].
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		_, _ = io.CopyN(io.Discard, response.Body, maxBody) // so that the connection can be used again
		_ = response.Body.Close()
		return nil, &statusError{response.StatusCode, retryAfterOf(response.Header)}
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, maxBody), response.Body}
	return response, nil
}

func retryAfterOf(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 1 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxRetryAfter)
}
