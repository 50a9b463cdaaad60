package clerksession

import (
	"encoding/json"
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
	clerks     bool // it has the form of Clerk's own errors
}

func (e *statusError) Error() string { return fmt.Sprintf("Clerk answered %d", e.status) }

// RoundTrip implements [http.RoundTripper].
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(response.Body, maxBody)) // to the end, so that the connection can be used again
		_ = response.Body.Close()
		return nil, &statusError{response.StatusCode, retryAfterOf(response.Header), clerks(body)}
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, maxBody), response.Body}
	return response, nil
}

// clerks tells whether an error is Clerk's, and not of something on the way there.
func clerks(body []byte) bool {
	var said struct {
		Errors []struct {
			Code string `json:"code"`
		} `json:"errors"`
	}
	return json.Unmarshal(body, &said) == nil && len(said.Errors) > 0 && said.Errors[0].Code != ""
}

func retryAfterOf(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 1 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxRetryAfter)
}
