package app_test

import (
	"net/http"
	"testing"

	"tandem.example/pkg/devstack"
)

const available = "tandem; hit; detail=available"

// TestCachedReadsOutliveTheDatabase where CACHE_MODE says so, and nothing else
// does: every token is still checked, and what is not cached is refused.
func TestCachedReadsOutliveTheDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnDatabase: true})
	strict := w.start(t)
	i := w.start(t, "CACHE_MODE", "available", "CACHE_AVAILABLE_FOR", "1h")
	brief := w.start(t, "CACHE_MODE", "available", "CACHE_AVAILABLE_FOR", "1s")
	by, leaver := w.caller(t), w.caller(t)
	path, made := i.create(t, by, `{"type":"invoice","name":"n"}`)
	_, cold := i.create(t, by, `{"type":"order","name":"n"}`)
	reads := []operation{
		{"GET", path, "", ""},
		{"GET", "/v1/resources?type=invoice", "", ""},
		{"POST", batchPath, asking(made.ID), ""},
	}
	for _, op := range reads {
		i.call(t, by, op.method, op.path, op.body)
		if got := i.call(t, by, op.method, op.path, op.body).header.Get("Cache-Status"); got != "tandem; hit" {
			t.Fatalf("%s %s: %s", op.method, op.path, got)
		}
	}

	w.kill(t, w.stack.Database())
	i.await(t, "database:database_unavailable", patience)
	strict.await(t, "database:database_unavailable epoch:database_unavailable", patience)
	for _, op := range reads {
		eventually(t, patience, op.path, func() (bool, string) {
			got := i.call(t, by, op.method, op.path, op.body)
			return got.status == 200 && got.header.Get("Cache-Status") == available, got.header.Get("Cache-Status")
		})
	}
	if status, _ := i.ready(t); status != http.StatusOK {
		t.Errorf("readiness %d", status)
	}
	strict.refuses(t, by, path, "database_unavailable")
	i.call(t, by, "GET", "/v1/resources/"+cold.ID, "").is(t, 503, "database_unavailable")
	i.call(t, by, "GET", path, "", "Cache-Control", "no-cache").is(t, 503, "database_unavailable")
	for _, op := range operations(path)[2:6] {
		i.call(t, by, op.method, op.path, op.body).is(t, 503, "database_unavailable")
	}
	w.revoke(t, leaver)
	i.call(t, leaver, "GET", path, "").is(t, 401, "token_revoked")

	brief.await(t, "database:database_unavailable epoch:database_unavailable", patience)
	brief.refuses(t, by, path, "database_unavailable")
	if status, _ := brief.ready(t); status != http.StatusServiceUnavailable {
		t.Errorf("readiness after the grace: %d", status)
	}

	w.revive(t, i, w.stack.Database())
	eventually(t, patience, "a hit like any other", func() (bool, string) {
		got := i.call(t, by, "GET", path, "")
		return got.header.Get("Cache-Status") == "tandem; hit" && got.resource(t).Version == 1, got.header.Get("Cache-Status")
	})
}
