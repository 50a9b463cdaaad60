package app_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tandem.example/pkg/devstack"
)

const batchPath = "/v1/resources/batch-get"

// asking is the body of a batch.
func asking(ids ...string) string {
	if len(ids) == 0 {
		return `{"ids":[]}`
	}
	return `{"ids":["` + strings.Join(ids, `","`) + `"]}`
}

// batch reads resources at once.
func (i *instance) batch(t *testing.T, by caller, ids []string, header ...string) (found []resource, missing []string, status string) {
	t.Helper()
	got := i.call(t, by, "POST", batchPath, asking(ids...), header...)
	var p struct {
		Items    []resource `json:"items"`
		NotFound []string   `json:"not_found"`
	}
	if err := json.Unmarshal([]byte(got.body), &p); err != nil || got.status != 200 {
		t.Fatalf("%v: %d %s", ids, got.status, got.body)
	}
	return p.Items, p.NotFound, got.header.Get("Cache-Status")
}

func TestABatchGivesEachResourceOnceAndInOrder(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	by, stranger := w.caller(t), w.caller(t)
	var ids []string
	for n := range 5 {
		_, made := i.create(t, by, fmt.Sprintf(`{"type":"invoice","name":"%d"}`, n))
		ids = append(ids, made.ID)
	}
	_, foreign := i.create(t, stranger, `{"type":"invoice","name":"n"}`)
	const nobody = "00000000-0000-0000-0000-00000000000a"
	slices.Reverse(ids)
	asked := append([]string{nobody, foreign.ID, strings.ToUpper(nobody), strings.ToUpper(ids[0])}, ids...)
	for range 2 {
		for _, at := range []*instance{i, next} {
			found, missing, _ := at.batch(t, by, asked)
			var got []string
			for _, r := range found {
				got = append(got, r.ID)
			}
			if !slices.Equal(got, ids) || !slices.Equal(missing, []string{nobody, foreign.ID}) {
				t.Errorf("found %v, missing %v", got, missing)
			}
		}
	}
	// As a single read has it, byte for byte.
	one := i.call(t, by, "GET", "/v1/resources/"+ids[0], "")
	if got := i.call(t, by, "POST", batchPath, asking(ids[0])); got.body != `{"items":[`+one.body+`],"not_found":[]}` {
		t.Errorf("%s is not %s", got.body, one.body)
	}
	if got := i.call(t, by, "POST", batchPath, asking(nobody)); got.body != `{"items":[],"not_found":["`+nobody+`"]}` {
		t.Errorf("nothing at all: %s", got.body)
	}
}

func TestABatchIsReadAtOnceThroughTheOtherInstance(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	by := w.caller(t)
	var ids []string
	for range 4 {
		_, made := i.create(t, by, `{"type":"invoice","name":"n"}`)
		ids = append(ids, made.ID)
	}
	for n := range 20 {
		next.batch(t, by, ids) // so that there is something to be stale
		id := ids[n%len(ids)]
		wrote := i.call(t, by, "PATCH", "/v1/resources/"+id, `{"attributes":{"n":`+strconv.Itoa(n)+`}}`).resource(t)
		found, _, status := next.batch(t, by, ids)
		if got := found[n%len(ids)]; got.Version != wrote.Version {
			t.Fatalf("write %d: read version %d after %d (%s)", n, got.Version, wrote.Version, status)
		}
	}
	i.call(t, by, "DELETE", "/v1/resources/"+ids[0], "")
	if _, missing, _ := next.batch(t, by, ids); !slices.Equal(missing, ids[:1]) {
		t.Errorf("after the deletion missing: %v", missing)
	}

	// Behind everybody's back, so that the cache and the database differ.
	eventually(t, patience, "it is cached", func() (bool, string) {
		_, _, status := next.batch(t, by, ids[1:])
		return status == "tandem; hit", status
	})
	w.exec(t, `UPDATE resources SET name = 'x' WHERE id = '`+ids[1]+`'`)
	if found, _, _ := next.batch(t, by, ids[1:]); found[0].Name != "n" {
		t.Errorf("not from the cache: %+v", found[0])
	}
	if found, _, status := next.batch(t, by, ids[1:], "Cache-Control", "no-cache"); found[0].Name != "x" || status != "tandem; fwd=bypass; detail=request" {
		t.Errorf("no-cache: %s %+v", status, found[0])
	}
}

// A hundred hits and the check of the token travel together.
func TestAnAuthorisedBatchOfHitsIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnRedis: true, OwnNATS: true}) // what others write is not heard
	i := w.start(t)
	by := w.caller(t)
	var ids []string
	for range 100 {
		_, made := i.create(t, by, `{"type":"invoice","name":"n"}`)
		ids = append(ids, made.ID)
	}
	eventually(t, patience, "all are hit, and nothing is done behind answers any more", func() (bool, string) {
		left := w.inRedis(t, "cache:*:{markers}:*")
		_, _, status := i.batch(t, by, ids)
		return len(left) == 0 && status == "tandem; hit", status + " " + strings.Join(left, " ")
	})
	const batches = 50
	before := w.counters(t)
	for range batches {
		if found, _, status := i.batch(t, by, ids); len(found) != 100 || status != "tandem; hit" {
			t.Fatalf("%d found, %s", len(found), status)
		}
	}
	after := w.counters(t)
	spent := func(name string) int { return after[name] - before[name] }
	// A pipeline of 101 commands may fill more than one buffer of the server, and
	// the keepers and the janitor go their own ways.
	// So do the events of the creations, each of whose scripts has one GET.
	if n := spent("cmdstat_get"); n < 100*batches || n > 100*batches+spent("cmdstat_evalsha") {
		t.Errorf("%d GET", n)
	}
	if n := spent("cmdstat_exists"); n != batches {
		t.Errorf("%d EXISTS", n)
	}
	others := spent("cmdstat_info") + min(spent("cmdstat_evalsha")+spent("cmdstat_eval"), batches/10)
	if trips := spent("total_reads_processed") - others; trips > 2*batches {
		t.Errorf("%d batches took %d reads", batches, trips)
	}
}

func TestBadBatchesSayWhere(t *testing.T) {
	t.Parallel()
	w, i, _ := serving(t)
	by := w.caller(t)
	const id = "00000000-0000-0000-0000-00000000000a"
	many := make([]string, 101)
	for n := range many {
		many[n] = id
	}
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
		at     string
	}{
		"cut short":          {`{"ids":["` + id, 400, "malformed_json", "/ids/0"},
		"null":               {`null`, 400, "invalid_body", ""},
		"an array":           {`["` + id + `"]`, 400, "invalid_body", ""},
		"unknown member":     {`{"ids":["` + id + `"],"type":"x"}`, 400, "invalid_body", "/type"},
		"no id":              {`{"ids":["` + id + `","x"]}`, 400, "invalid_body", "/ids/1"},
		"a number":           {`{"ids":[7]}`, 400, "invalid_body", "/ids/0"},
		"another form":       {`{"ids":["{` + id + `}"]}`, 400, "invalid_body", "/ids/0"},
		"none":               {asking(), 422, "invalid_batch", "/ids"},
		"none at all":        {`{}`, 422, "invalid_batch", "/ids"},
		"too many":           {asking(many...), 422, "invalid_batch", "/ids"},
		"longer than it may": {`{"ids":["` + strings.Repeat("x", 300<<10) + `"]}`, 413, "body_too_large", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := i.call(t, by, "POST", batchPath, c.body)
			got.is(t, c.status, c.code)
			if _, at := got.problem(t); c.at != "" && at != c.at {
				t.Errorf("at %q, want %q: %s", at, c.at, got.body)
			}
		})
	}
	i.call(t, by, "POST", batchPath, asking(id), "Content-Type", "text/plain").is(t, 415, "unsupported_media_type")
}
