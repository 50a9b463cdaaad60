package app_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestBadBodiesSayWhere(t *testing.T) {
	t.Parallel()
	w, i, _ := serving(t)
	by := w.caller(t)
	path, _ := i.create(t, by, `{"type":"invoice","name":"n"}`)
	nested := strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
		at     string
	}{
		"cut short":          {`{"type":"invoice","name":`, 400, "malformed_json", "/name"},
		"blank":              {` `, 400, "malformed_json", ""},
		"null":               {`null`, 400, "invalid_body", ""},
		"an array":           {`[]`, 400, "invalid_body", ""},
		"two documents":      {`{"type":"invoice","name":"n"}{}`, 400, "malformed_json", ""},
		"unknown member":     {`{"type":"invoice","name":"n","version":7}`, 400, "invalid_body", "/version"},
		"repeated member":    {`{"type":"invoice","name":"n","name":"m"}`, 400, "invalid_body", "/name"},
		"wrong case":         {`{"type":"invoice","Name":"n"}`, 400, "invalid_body", "/Name"},
		"repeated deeper":    {`{"type":"invoice","name":"n","attributes":{"a":{"b":1,"b":2}}}`, 400, "invalid_body", "/attributes/a/b"},
		"too deep":           {`{"type":"invoice","name":"n","attributes":` + nested + `}`, 400, "invalid_body", ""},
		"not UTF-8":          {"{\"type\":\"invoice\",\"name\":\"\xff\"}", 400, "malformed_json", "/name"},
		"another type":       {`{"type":"Invoice","name":"n"}`, 422, "invalid_resource", "/type"},
		"a blank name":       {`{"type":"invoice","name":" "}`, 422, "invalid_resource", "/name"},
		"a long name":        {`{"type":"invoice","name":"` + strings.Repeat("é", 201) + `"}`, 422, "invalid_resource", "/name"},
		"large attributes":   {`{"type":"invoice","name":"n","attributes":{"a":"` + strings.Repeat("x", 65536) + `"}}`, 422, "invalid_resource", "/attributes"},
		"several mistakes":   {`{"type":"invoice","name":"","attributes":[],"labels":{"":"v"}}`, 422, "invalid_resource", "/name /attributes /labels"},
		"longer than it may": {`{"type":"invoice","name":"` + strings.Repeat("x", 300<<10) + `"}`, 413, "body_too_large", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, op := range operations(path)[2:5] {
				got := i.call(t, by, op.method, op.path, c.body)
				got.is(t, c.status, c.code)
				if _, at := got.problem(t); c.at != "" && at != c.at {
					t.Errorf("%s: at %q, want %q: %s", op.method, at, c.at, got.body)
				}
				if strings.Contains(got.body, "xxx") {
					t.Errorf("%s: the answer repeats the request: %s", op.method, got.body)
				}
			}
		})
	}
	if got := i.call(t, by, "GET", path, ""); got.resource(t).Version != 1 {
		t.Errorf("a refused write changed something: %s", got.body)
	}
}

func TestOtherBodiesThanJSONAreRefused(t *testing.T) {
	t.Parallel()
	w, i, _ := serving(t)
	by := w.caller(t)
	path, _ := i.create(t, by, `{"type":"invoice","name":"n"}`)
	for _, op := range operations(path)[2:5] {
		for _, header := range [][]string{
			{"Content-Type", "text/plain"},
			{"Content-Type", ""},
			{"Content-Type", "application/json; charset=latin1"},
			{"Content-Type", "application/x-www-form-urlencoded"},
			{"Content-Encoding", "gzip"},
		} {
			got := i.call(t, by, op.method, op.path, op.body, header...)
			got.is(t, 415, "unsupported_media_type")
			if accepts := got.header.Get("Accept-Patch"); (accepts != "") != (op.method == http.MethodPatch) {
				t.Errorf("%s: Accept-Patch: %q", op.method, accepts)
			}
		}
	}
	i.call(t, by, "PATCH", path, `{"name":"m"}`, "Content-Type", "application/json").is(t, 415, "unsupported_media_type")
	i.call(t, by, "PUT", path, `{"name":"m"}`, "Content-Type", "application/merge-patch+json").is(t, 415, "unsupported_media_type")
	if got := i.call(t, by, "PUT", path, `{"name":"m"}`, "Content-Type", "application/json; charset=UTF-8"); got.status != 200 {
		t.Errorf("with a charset: %d %s", got.status, got.body)
	}
}

func TestBadPathsAndParameters(t *testing.T) {
	t.Parallel()
	w, i, _ := serving(t)
	by := w.caller(t)
	_, made := i.create(t, by, `{"type":"invoice","name":"n"}`)
	for _, id := range []string{
		"x", "1", made.ID[:35], made.ID + "0", strings.ReplaceAll(made.ID, "-", ""), "{" + made.ID + "}", "urn:uuid:" + made.ID,
		"zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz", "%00", "..%2f..",
	} {
		for _, op := range operations("/v1/resources/" + id) {
			if strings.HasSuffix(op.path, id) {
				i.call(t, by, op.method, op.path, op.body).is(t, 400, "invalid_id")
			}
		}
	}
	for query, c := range map[string][2]string{
		"limit=0": {"invalid_parameter", "limit"}, "limit=101": {"invalid_parameter", "limit"}, "limit=x": {"invalid_parameter", "limit"},
		"limit=": {"invalid_parameter", "limit"}, "limit=1&limit=2": {"invalid_parameter", "limit"}, "type=A": {"invalid_parameter", "type"},
		"type=": {"invalid_parameter", "type"}, "sort=name": {"invalid_parameter", "sort"}, "Limit=1": {"invalid_parameter", "Limit"},
		"cursor=": {"invalid_cursor", ""}, "cursor=x": {"invalid_cursor", ""}, "cursor=e30": {"invalid_cursor", ""},
		"cursor=eyJhIjoieCJ9": {"invalid_cursor", ""}, "cursor=eyJhIjpudWxsfQ": {"invalid_cursor", ""},
	} {
		got := i.call(t, by, "GET", "/v1/resources?"+query, "")
		got.is(t, 400, c[0])
		if _, at := got.problem(t); at != c[1] {
			t.Errorf("%s: at %q: %s", query, at, got.body)
		}
	}
	i.create(t, by, `{"type":"invoice","name":"n"}`)
	_, cursor := i.page(t, by, "limit=1")
	i.call(t, by, "GET", "/v1/resources?type=invoice&cursor="+cursor, "").is(t, 400, "invalid_cursor")
}

func TestUnknownRoutesAndMethods(t *testing.T) {
	t.Parallel()
	w, i, _ := serving(t)
	by := w.caller(t)
	for _, path := range []string{"/", "/v1", "/v1/resources/", "/V1/resources", "/v1/resources/x/y", "/openapi.yaml", "/readyz", "/metrics", "/debug/pprof/"} {
		i.call(t, by, "GET", path, "").is(t, 404, "route_not_found")
	}
	for path, methods := range map[string]map[string]string{
		"/v1/resources":   {"PUT": "GET, HEAD, POST", "DELETE": "GET, HEAD, POST", "OPTIONS": "GET, HEAD, POST"},
		"/v1/resources/x": {"POST": "DELETE, GET, HEAD, PATCH, PUT"},
		"/openapi.json":   {"POST": "GET, HEAD"},
	} {
		for method, allow := range methods {
			got := i.call(t, by, method, path, "")
			got.is(t, 405, "method_not_allowed")
			if sorted(got.header.Get("Allow")) != allow {
				t.Errorf("%s %s: Allow: %s", method, path, got.header.Get("Allow"))
			}
		}
	}
	i.call(t, by, "BREW", "/v1/resources", "").is(t, 405, "method_not_allowed")
}
