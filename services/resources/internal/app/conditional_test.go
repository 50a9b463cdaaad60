package app_test

import "testing"

func TestWritesHeedIfMatch(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	by := w.caller(t)
	path, _ := i.create(t, by, `{"type":"invoice","name":"n"}`)
	i.call(t, by, "PATCH", path, `{"name":"second"}`)
	for _, match := range []string{`"1"`, `"3"`, `W/"2"`, `"x"`, `"1", "7"`, `"02"`} {
		for _, op := range operations(path)[3:6] {
			next.call(t, by, op.method, path, op.body, "If-Match", match).is(t, 412, "version_mismatch")
		}
	}
	for _, malformed := range []string{"2", `"2`, `"2",`, `2"`} {
		for _, op := range operations(path)[3:6] {
			i.call(t, by, op.method, path, op.body, "If-Match", malformed).is(t, 400, "invalid_if_match")
		}
	}
	for n, match := range []string{`"2"`, `"9", "3"`, "*", ` "5" `} {
		if got := next.call(t, by, "PATCH", path, `{"name":"m"}`, "If-Match", match).resource(t); got.Version != int64(n)+3 {
			t.Errorf("%s: version %d", match, got.Version)
		}
	}
	if got := i.call(t, by, "PUT", path, `{"name":"m"}`, "If-Match", `"6"`); got.status != 200 {
		t.Errorf("PUT: %d %s", got.status, got.body)
	}
	if got := i.call(t, by, "DELETE", path, "", "If-Match", `"7"`); got.status != 204 {
		t.Errorf("DELETE: %d %s", got.status, got.body)
	}
	// What is gone is gone, whatever version is asked for.
	i.call(t, by, "DELETE", path, "", "If-Match", `"8"`).is(t, 404, "resource_not_found")
}

func TestReadsHeedIfNoneMatch(t *testing.T) {
	t.Parallel()
	w, i, _ := serving(t)
	by := w.caller(t)
	path, _ := i.create(t, by, `{"type":"invoice","name":"n"}`)
	for _, cache := range []string{"no-cache", ""} { // from the database, and from Redis
		for match, status := range map[string]int{
			`"1"`: 304, `W/"1"`: 304, `"0", "1"`: 304, "*": 304, `"2"`: 200, `"11"`: 200, "1": 200, "": 200,
		} {
			got := i.call(t, by, "GET", path, "", "If-None-Match", match, "Cache-Control", cache)
			if got.status != status || got.header.Get("ETag") != `"1"` || got.header.Get("Cache-Status") == "" || (got.body == "") != (status == 304) {
				t.Errorf("%q %q: %d %v %s", cache, match, got.status, got.header, got.body)
			}
		}
	}
	i.call(t, by, "PATCH", path, `{"name":"m"}`)
	if got := i.call(t, by, "GET", path, "", "If-None-Match", `"1"`); got.status != 200 || got.header.Get("ETag") != `"2"` {
		t.Errorf("after a change: %d %s", got.status, got.body)
	}
}

func TestNoCacheReadsTheDatabase(t *testing.T) {
	t.Parallel()
	w, i, _ := serving(t)
	by := w.caller(t)
	path, made := i.create(t, by, `{"type":"invoice","name":"n"}`)
	i.cached(t, by, path)
	// Behind everybody's back, so that the cache and the database differ.
	w.exec(t, `UPDATE resources SET name = 'x' WHERE id = '`+made.ID+`'`)
	for control, want := range map[string]string{
		"": "n", "max-age=0": "n", "no-store": "n", "no-cache": "x", "max-age=0, No-Cache ": "x",
	} {
		got := i.call(t, by, "GET", path, "", "Cache-Control", control)
		status := map[string]string{"n": "tandem; hit", "x": "tandem; fwd=bypass; detail=request"}[want]
		if got.resource(t).Name != want || got.header.Get("Cache-Status") != status {
			t.Errorf("%q: %s %q", control, got.body, got.header.Get("Cache-Status"))
		}
	}
}
