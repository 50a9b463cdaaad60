package app_test

import (
	"strings"
	"testing"
	"time"
)

func TestAResourceFromItsBeginningToItsEnd(t *testing.T) {
	t.Parallel()
	w, i, _ := serving(t)
	by := w.caller(t)

	began := time.Now()
	created := i.call(t, by, "POST", "/v1/resources",
		`{"type":"invoice","name":" Café ","attributes":{"b":12345678901234567890,"a":[1E2]},"labels":{"state":" open "}}`)
	made := created.resource(t)
	path := "/v1/resources/" + made.ID
	if created.status != 201 || created.header.Get("Location") != path || created.header.Get("ETag") != `"1"` {
		t.Errorf("create: %d %v", created.status, created.header)
	}
	if made.Name != "Café" || string(made.Attributes) != `{"a":[1E2],"b":12345678901234567890}` || made.Labels["state"] != "open" ||
		made.Owner != by.claims.Subject || made.Tenant != by.claims.Tenant || made.Version != 1 || made.Type != "invoice" {
		t.Errorf("create: %s", created.body)
	}
	if made.CreatedAt.Before(began.Add(-time.Minute)) || !made.CreatedAt.Equal(made.UpdatedAt) {
		t.Errorf("times: %s", created.body)
	}

	for n, status := range []string{"tandem; fwd=miss; stored", "tandem; hit", "tandem; hit"} {
		got := i.call(t, by, "GET", path, "")
		if got.status != 200 || got.body != created.body || got.header.Get("Cache-Status") != status || got.header.Get("ETag") != `"1"` {
			t.Errorf("read %d: %d %q %s", n, got.status, got.header.Get("Cache-Status"), got.body)
		}
	}
	if got := i.call(t, by, "GET", "/v1/resources/"+strings.ToUpper(made.ID), ""); got.body != created.body {
		t.Errorf("an id in capitals: %d %s", got.status, got.body)
	}
	if got := i.call(t, by, "HEAD", path, ""); got.status != 200 || got.body != "" || got.header.Get("ETag") != `"1"` {
		t.Errorf("HEAD: %+v", got)
	}

	replaced := i.call(t, by, "PUT", path, `{"name":"second","type":"invoice"}`)
	now := replaced.resource(t)
	if now.Version != 2 || now.Name != "second" || string(now.Attributes) != "{}" || len(now.Labels) != 0 ||
		!now.CreatedAt.Equal(made.CreatedAt) || !now.UpdatedAt.After(made.UpdatedAt) || replaced.header.Get("ETag") != `"2"` {
		t.Errorf("replace: %s", replaced.body)
	}
	patched := i.call(t, by, "PATCH", path, `{"attributes":{"x":{"y":1,"z":null}},"labels":{"a":"b"}}`)
	if now = patched.resource(t); now.Version != 3 || now.Name != "second" || string(now.Attributes) != `{"x":{"y":1}}` || now.Labels["a"] != "b" {
		t.Errorf("patch: %s", patched.body)
	}
	if got := i.call(t, by, "GET", path, ""); got.body != patched.body {
		t.Errorf("after the patch: %s", got.body)
	}

	if got := i.call(t, by, "DELETE", path, ""); got.status != 204 || got.body != "" {
		t.Errorf("delete: %d %s", got.status, got.body)
	}
	for _, op := range operations(path) {
		if op.path == path {
			i.call(t, by, op.method, path, op.body).is(t, 404, "resource_not_found")
		}
	}
}
