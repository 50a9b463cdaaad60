package contract_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"tandem.example/pkg/devstack/contract"
)

const document = `
openapi: 3.1.0
info: {title: things, version: "1"}
paths:
  /things/{id}:
    parameters:
    - {name: id, in: path, required: true, schema: {type: string}}
    get:
      parameters:
      - {name: limit, in: query, schema: {type: integer, maximum: 9}}
      responses:
        "200":
          description: the thing
          headers: {ETag: {required: true, schema: {type: string, pattern: '^"'}}}
          content: {application/json: {schema: {type: object, required: [id], properties: {id: {type: string}}, additionalProperties: false}}}
        "404": {$ref: '#/components/responses/Missing'}
    put:
      requestBody: {content: {application/json: {schema: {type: object, required: [id]}}}}
      responses:
        "204": {description: done}
components:
  headers:
    Date: {x-everywhere: true, schema: {type: string}}
    Content-Length: {x-everywhere: true, schema: {type: string}}
    Content-Type: {x-everywhere: true, schema: {type: string}}
  responses:
    Missing: &problem
      description: no
      content: {application/problem+json: {schema: {type: object, required: [code], properties: {code: {enum: [missing]}}}}}
    RouteNotFound:
      description: no
      content: {application/problem+json: {schema: {type: object, required: [code], properties: {code: {enum: [no_route]}}}}}
    MethodNotAllowed:
      description: no
      headers: {Allow: {required: true, schema: {type: string}}}
      content: {application/problem+json: {schema: {type: object, required: [code], properties: {code: {enum: [no_method]}}}}}
`

// exchange is a request and what a service answers to it.
type exchange struct {
	method, path, sent string
	status             int
	header, body       string
}

// watch has a client make the exchanges and returns what was reported.
func watch(t *testing.T, c *contract.Contract, exchanges ...exchange) string {
	t.Helper()
	var reported []string
	for _, e := range exchanges {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if e.body != "" {
				w.Header().Set("Content-Type", "application/json")
			}
			if e.status >= 400 {
				w.Header().Set("Content-Type", "application/problem+json")
			}
			if name, value, ok := strings.Cut(e.header, "="); ok {
				w.Header().Set(name, value)
			}
			w.WriteHeader(e.status)
			_, _ = io.WriteString(w, e.body)
		}))
		client := http.Client{Transport: c.Watch(http.DefaultTransport, func(err error) { reported = append(reported, err.Error()) })}
		req, err := http.NewRequestWithContext(t.Context(), e.method, server.URL+e.path, strings.NewReader(e.sent))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || string(body) != e.body && e.method != http.MethodHead {
			t.Errorf("the exchange was changed: %q, %v", body, err)
		}
		server.Close()
	}
	return strings.Join(reported, "\n")
}

func TestWatchReportsWhatTheDocumentDoesNotSay(t *testing.T) {
	t.Parallel()
	const tag, fine = `ETag="1"`, `{"id":"x"}`
	for name, c := range map[string]struct {
		exchange

		want string // part of the report; empty: none
	}{
		"as documented":        {exchange{"GET", "/things/x?limit=3", "", 200, tag, fine}, ""},
		"HEAD":                 {exchange{"HEAD", "/things/x", "", 200, tag, ""}, ""},
		"a write":              {exchange{"PUT", "/things/x", fine, 204, "", ""}, ""},
		"a known code":         {exchange{"GET", "/things/x", "", 404, "", `{"code":"missing"}`}, ""},
		"an unknown route":     {exchange{"GET", "/x", "", 404, "", `{"code":"no_route"}`}, ""},
		"another method":       {exchange{"POST", "/things/x", "", 405, "Allow=GET", `{"code":"no_method"}`}, ""},
		"another status":       {exchange{"GET", "/things/x", "", 202, tag, fine}, "status 202"},
		"another code":         {exchange{"GET", "/things/x", "", 404, "", `{"code":"lost"}`}, "body"},
		"no code":              {exchange{"GET", "/things/x", "", 404, "", `{}`}, "body"},
		"another member":       {exchange{"GET", "/things/x", "", 200, tag, `{"id":"x","y":1}`}, "body"},
		"a member is missing":  {exchange{"GET", "/things/x", "", 200, tag, `{}`}, "body"},
		"another header":       {exchange{"PUT", "/things/x", fine, 204, "X-New=1", ""}, "header X-New"},
		"a header is missing":  {exchange{"GET", "/things/x", "", 200, "", fine}, "header ETag is missing"},
		"a header is wrong":    {exchange{"GET", "/things/x", "", 200, "ETag=1", fine}, "header ETag"},
		"no body":              {exchange{"GET", "/things/x", "", 200, tag, ""}, "has a body"},
		"another parameter":    {exchange{"GET", "/things/x?sort=a", "", 200, tag, fine}, "parameter sort"},
		"a wrong parameter":    {exchange{"GET", "/things/x?limit=10", "", 200, tag, fine}, "parameter limit"},
		"a request of another": {exchange{"PUT", "/things/x", `{}`, 204, "", ""}, "request"},
		"an unknown route is":  {exchange{"GET", "/x", "", 200, "", fine}, "does not have it"},
		"a code of another":    {exchange{"GET", "/x", "", 404, "", `{"code":"missing"}`}, "body"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := watch(t, load(t), c.exchange)
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("reported %q, want %q", got, c.want)
			}
		})
	}
}

func TestUnseenIsTheRestOfTheDocument(t *testing.T) {
	t.Parallel()
	c := load(t)
	watch(t, c, exchange{"GET", "/things/x", "", 200, `ETag="1"`, `{"id":"x"}`}, exchange{"PUT", "/things/x", `{"id":"x"}`, 204, "", ""})
	want := []string{
		"(no operation) 404", "(no operation) 404 no_route",
		"(no operation) 405", "(no operation) 405 header Allow", "(no operation) 405 no_method",
		"GET /things/{id} 404", "GET /things/{id} 404 missing", "GET /things/{id} query limit",
	}
	if got := c.Unseen(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func load(t *testing.T) *contract.Contract {
	t.Helper()
	c, err := contract.New([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestADocumentWithoutCodesIsRefused(t *testing.T) {
	t.Parallel()
	for _, change := range [][2]string{{"enum: [no_route]", "type: string"}, {"RouteNotFound:", "Other:"}, {"description: done", "summary: done"}} {
		if _, err := contract.New([]byte(strings.Replace(document, change[0], change[1], 1))); err == nil {
			t.Errorf("%v: accepted", change)
		}
	}
}
