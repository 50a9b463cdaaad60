package app_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// resource is a resource as a client sees it.
type resource struct {
	ID         string            `json:"id"`
	Type       string            `json:"type"`
	Name       string            `json:"name"`
	Attributes json.RawMessage   `json:"attributes"`
	Labels     map[string]string `json:"labels"`
	Owner      string            `json:"owner"`
	Tenant     string            `json:"tenant"`
	Version    int64             `json:"version"`
	CreatedAt  time.Time         `json:"created_at"`
	UpdatedAt  time.Time         `json:"updated_at"`
}

// reply is an answer that was read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// try sends one request. A body is JSON, or a merge patch for PATCH, unless the
// header, given as names and values, says otherwise.
func (i *instance) try(tb testing.TB, by caller, method, path, body string, header ...string) (reply, error) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, i.url+path, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	if by.token != "" {
		req.Header.Set("Authorization", "Bearer "+by.token)
	}
	switch {
	case body == "":
	case method == http.MethodPatch:
		req.Header.Set("Content-Type", "application/merge-patch+json")
	default:
		req.Header.Set("Content-Type", "application/json")
	}
	for n := 0; n < len(header); n += 2 {
		req.Header.Set(header[n], header[n+1])
	}
	res, err := i.client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(text)}, err
}

// call is try where no failure of the connection is expected. While nothing is
// wrong but that the machine is too busy to renew a lease in time, it asks again.
func (i *instance) call(tb testing.TB, by caller, method, path, body string, header ...string) (got reply) {
	tb.Helper()
	eventually(tb, patience, "the lease is held", func() (bool, string) {
		var err error
		if got, err = i.try(tb, by, method, path, body, header...); err != nil {
			tb.Fatalf("%s %s: %v", method, path, err)
		}
		return !i.calm || got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "the token store"), got.body
	})
	return got
}

// problem is the code of a failed answer, and where the mistakes are.
func (r reply) problem(tb testing.TB) (code, at string) {
	tb.Helper()
	var p struct {
		Code   string `json:"code"`
		Errors []struct {
			Pointer string `json:"pointer"`
		} `json:"errors"`
	}
	if r.header.Get("Content-Type") != "application/problem+json" {
		return "", ""
	}
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		tb.Fatalf("%s: %v", r.body, err)
	}
	var places []string
	for _, e := range p.Errors {
		places = append(places, e.Pointer)
	}
	return p.Code, strings.Join(places, " ")
}

func (r reply) is(tb testing.TB, status int, code string) {
	tb.Helper()
	if got, _ := r.problem(tb); r.status != status || got != code {
		tb.Errorf("got %d %q, want %d %q; %s", r.status, got, status, code, r.body)
	}
}

func (r reply) resource(tb testing.TB) resource {
	tb.Helper()
	var got resource
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.status >= 300 {
		tb.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	return got
}

// create makes a resource and returns where it is.
func (i *instance) create(tb testing.TB, by caller, body string) (path string, made resource) {
	tb.Helper()
	got := i.call(tb, by, "POST", "/v1/resources", body)
	if got.status != http.StatusCreated {
		tb.Fatalf("create: %d %s", got.status, got.body)
	}
	return got.header.Get("Location"), got.resource(tb)
}

// operation is one of the calls that need a token, as a request that would
// succeed on an existing resource.
type operation struct{ method, path, body, scope string }

func operations(path string) []operation {
	return []operation{
		{"GET", path, "", "resources:read"},
		{"GET", "/v1/resources", "", "resources:read"},
		{"POST", "/v1/resources", `{"type":"invoice","name":"n"}`, "resources:write"},
		{"PUT", path, `{"name":"n"}`, "resources:write"},
		{"PATCH", path, `{"name":"n"}`, "resources:write"},
		{"DELETE", path, "", "resources:write"},
		{"POST", "/v1/resources/batch-get", `{"ids":["00000000-0000-0000-0000-000000000000"]}`, "resources:read"},
	}
}

// sorted puts a list of a header field into order.
func sorted(list string) string {
	words := strings.Split(list, ", ")
	slices.Sort(words)
	return strings.Join(words, ", ")
}
