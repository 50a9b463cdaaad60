package app_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
)

// once sends a request with a key, in the spelling of the draft.
func (i *instance) once(t *testing.T, by caller, key string, op operation, header ...string) reply {
	t.Helper()
	return i.call(t, by, op.method, op.path, op.body, append(header, "Idempotency-Key", `"`+key+`"`)...)
}

// same wants the second answer to be the first, and to say so.
func same(t *testing.T, first, again reply) {
	t.Helper()
	if first.header.Get("Idempotent-Replayed") != "" || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("replayed: %q, then %q", first.header.Get("Idempotent-Replayed"), again.header.Get("Idempotent-Replayed"))
	}
	if again.status != first.status || again.body != first.body {
		t.Errorf("%d %s, then %d %s", first.status, first.body, again.status, again.body)
	}
	for _, field := range []string{"Location", "Etag", "Content-Type", "Cache-Control"} {
		if again.header.Get(field) != first.header.Get(field) {
			t.Errorf("%s: %q, then %q", field, first.header.Get(field), again.header.Get(field))
		}
	}
}

func TestARepeatedWriteGetsItsFirstAnswer(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	by := w.caller(t)
	create := operations("/")[2]
	create.body = `{"type":"invoice","name":"n","attributes":{"b":1.50,"a":"\u00e9<"},"labels":{"z":"1","a":"2"}}`
	keys := [4]string{uuid.NewString(), uuid.NewString(), `with "quotes" and \`, uuid.NewString()}
	keys[2] = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(keys[2])
	made := i.once(t, by, keys[0], create)
	if made.status != 201 {
		t.Fatalf("%d %s", made.status, made.body)
	}
	path := made.header.Get("Location")
	put := operation{method: "PUT", path: path, body: `{"name":"second","labels":{"k":"v"}}`}
	patch := operation{method: "PATCH", body: `{"attributes":{"n":1}}`}
	patch.path = "/v1/resources/" + strings.ToUpper(made.resource(t).ID)
	remove := operation{method: "DELETE", path: path}
	replaced := i.once(t, by, keys[1], put, "If-Match", `"1"`)
	patched := i.once(t, by, keys[2], patch)
	if replaced.resource(t).Version != 2 || patched.resource(t).Version != 3 {
		t.Fatalf("%s, %s", replaced.body, patched.body)
	}
	repeat := func() {
		t.Helper()
		same(t, made, next.once(t, by, keys[0], create))
		same(t, replaced, next.once(t, by, keys[1], put, "If-Match", `"1"`))
		patch.path = path // the same resource, spelt otherwise
		same(t, patched, next.once(t, by, keys[2], patch))
	}
	repeat()
	if got := next.call(t, by, "GET", path, ""); got.body != patched.body {
		t.Errorf("%s is read after %s", got.body, patched.body)
	}
	removed := i.once(t, by, keys[3], remove)
	removed.is(t, 204, "")
	same(t, removed, next.once(t, by, keys[3], remove))
	repeat() // also of what is gone
	// The bare spelling is the same key.
	same(t, made, i.call(t, by, "POST", create.path, create.body, "Idempotency-Key", keys[0]))
	next.call(t, by, "GET", path, "").is(t, 404, "resource_not_found")
	if got := i.call(t, by, "GET", "/v1/resources", ""); got.body != `{"items":[],"next_cursor":null}` {
		t.Errorf("something was made twice: %s", got.body)
	}
}

func TestAKeyIsForOneRequest(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	by := w.caller(t)
	path, _ := i.create(t, by, `{"type":"invoice","name":"n"}`)
	other, _ := i.create(t, by, `{"type":"invoice","name":"n"}`)
	key, first := uuid.NewString(), []string{"If-Match", `"1"`}
	if got := i.once(t, by, key, operation{method: "PATCH", path: path, body: `{"name":"m"}`}, first...); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for name, c := range map[string]struct {
		op     operation
		header []string
	}{
		"another body":      {operation{method: "PATCH", path: path, body: `{"name":"M"}`}, first},
		"another spelling":  {operation{method: "PATCH", path: path, body: `{"name": "m"}`}, first},
		"another condition": {operation{method: "PATCH", path: path, body: `{"name":"m"}`}, []string{"If-Match", `"2"`}},
		"no condition":      {operation{method: "PATCH", path: path, body: `{"name":"m"}`}, nil},
		"another resource":  {operation{method: "PATCH", path: other, body: `{"name":"m"}`}, first},
		"replaced":          {operation{method: "PUT", path: path, body: `{"name":"m"}`}, first},
		"removed":           {operation{method: "DELETE", path: path}, first},
		"created":           {operation{method: "POST", path: "/v1/resources", body: `{"type":"invoice","name":"m"}`}, nil},
	} {
		got := next.once(t, by, key, c.op, c.header...)
		if code, _ := got.problem(t); got.status != 422 || code != "idempotency_key_reused" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if got := i.call(t, by, "GET", path, ""); got.resource(t).Version != 2 {
		t.Errorf("a refused write changed something: %s", got.body)
	}
	if got := i.call(t, by, "GET", other, ""); got.resource(t).Version != 1 {
		t.Errorf("a refused write changed something: %s", got.body)
	}
}

// Somebody else's key is another key, be it a colleague's or another tenant's.
func TestKeysAreNotShared(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	first := w.caller(t)
	colleague := w.caller(t, inTenant(first.claims.Tenant))
	elsewhere := w.caller(t)
	elsewhere.claims.Subject = first.claims.Subject
	again, err := w.keys.Sign(elsewhere.claims)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere.token = again
	w.enliven(t, elsewhere.claims)
	key, create := uuid.NewString(), operations("/")[2]
	places := map[string]bool{}
	for _, by := range []caller{first, colleague, elsewhere} {
		got := i.once(t, by, key, create)
		if got.status != 201 || got.header.Get("Idempotent-Replayed") != "" {
			t.Errorf("%d %v %s", got.status, got.header, got.body)
		}
		places[got.header.Get("Location")] = true
		same(t, got, next.once(t, by, key, create))
	}
	if len(places) != 3 {
		t.Errorf("made: %v", places)
	}
	w.revoke(t, first)
	i.once(t, first, key, create).is(t, 401, "token_revoked") // a stored answer is no way past the guard
}

// What is refused writes nothing, so nothing is kept, and it is judged anew.
func TestARefusalLeavesTheKeyFree(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	by := w.caller(t)
	key := uuid.NewString()
	path := "/v1/resources/" + uuid.NewString()
	i.once(t, by, key, operation{method: "DELETE", path: path}).is(t, 404, "resource_not_found")
	i.once(t, by, key, operation{method: "POST", path: "/v1/resources", body: `{"type":"invoice","name":""}`}).is(t, 422, "invalid_resource")
	i.once(t, by, key, operation{method: "POST", path: "/v1/resources", body: `{`}).is(t, 400, "malformed_json")
	path, _ = i.create(t, by, `{"type":"invoice","name":"n"}`)
	replace := operation{method: "PUT", path: path, body: `{"name":"m"}`}
	next.once(t, by, key, replace, "If-Match", `"2"`).is(t, 412, "version_mismatch")
	i.call(t, by, "PATCH", path, `{"name":"k"}`)
	got := next.once(t, by, key, replace, "If-Match", `"2"`)
	if got.resource(t).Version != 3 {
		t.Errorf("judged anew: %d %s", got.status, got.body)
	}
	same(t, got, i.once(t, by, key, replace, "If-Match", `"2"`))
}

func TestAKeyMustBeOne(t *testing.T) {
	t.Parallel()
	w, i, _ := serving(t)
	by := w.caller(t)
	path, _ := i.create(t, by, `{"type":"invoice","name":"n"}`)
	for _, key := range []string{"", `""`, `"open`, "a b", "a, b", `"k";p=1`, "é", strings.Repeat("k", 256)} {
		for _, op := range operations(path)[2:6] {
			i.call(t, by, op.method, op.path, op.body, "Idempotency-Key", key).is(t, 400, "invalid_idempotency_key")
		}
	}
	head := "POST /v1/resources HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + by.token + "\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
	i.raw(t, w, "POST", "/v1/resources", head+"Idempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n{}").is(t, 400, "invalid_idempotency_key")
	// To a read it means nothing.
	for _, op := range append(operations(path)[:2], operations(path)[6]) {
		if got := i.call(t, by, op.method, op.path, op.body, "Idempotency-Key", "a b"); got.status != 200 {
			t.Errorf("%s: %d %s", op.path, got.status, got.body)
		}
	}
}
