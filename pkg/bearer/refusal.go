package bearer

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"tandem.example/pkg/fault"
)

const realm = `Bearer realm="tandem"`

// challengeOf is what RFC 6750 §3 wants beside a 401 or 403.
func challengeOf(f *fault.Error, scopes []string) string {
	switch {
	case f.Kind == fault.Forbidden:
		return realm + `, error="insufficient_scope", scope="` + strings.Join(scopes, " ") + `"`
	case f.Kind != fault.Unauthenticated:
		return ""
	case errors.Is(f, ErrMissing):
		return realm
	default:
		return realm + `, error="invalid_token", error_description="` + f.Detail + `"`
	}
}

// refusal is the answer to a request that is not let in, for frameworks that do
// not know our faults: a problem document (RFC 9457).
type refusal struct {
	status int
	header map[string]string
	body   []byte
}

func refusalOf(err error, scopes []string) refusal {
	f := fault.From(err)
	r := refusal{status: http.StatusInternalServerError, header: map[string]string{
		"Content-Type": "application/problem+json", "Cache-Control": "no-store",
	}}
	switch f.Kind { //nolint:exhaustive // what a guard does not return is internal
	case fault.Unauthenticated:
		r.status = http.StatusUnauthorized
	case fault.Forbidden:
		r.status = http.StatusForbidden
	case fault.Unavailable:
		r.status = http.StatusServiceUnavailable
		wait := max(f.RetryAfter, time.Second)
		r.header["Retry-After"] = strconv.Itoa(int((wait + time.Second - 1) / time.Second))
	}
	if text := challengeOf(f, scopes); text != "" {
		r.header["WWW-Authenticate"] = text
	}
	r.body, _ = json.Marshal(struct { // texts of ours always encode
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Code   string `json:"code"`
	}{"about:blank", http.StatusText(r.status), r.status, f.Detail, f.Code})
	return r
}
