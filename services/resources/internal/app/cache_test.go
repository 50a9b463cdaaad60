package app_test

import (
	"strconv"
	"strings"
	"testing"

	"tandem.example/pkg/devstack"
)

func TestAWriteIsReadAtOnceThroughTheOtherInstance(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	by := w.caller(t)
	path, _ := i.create(t, by, `{"type":"invoice","name":"n"}`)
	instances := []*instance{i, next}
	for n := range 40 {
		writer, reader := instances[n%2], instances[(n+1)%2]
		reader.call(t, by, "GET", path, "") // so that there is something to be stale
		wrote := writer.call(t, by, "PATCH", path, `{"attributes":{"n":`+strconv.Itoa(n)+`}}`)
		if got := reader.call(t, by, "GET", path, ""); got.body != wrote.body {
			t.Fatalf("write %d: read %s after %s", n, got.body, wrote.body)
		}
	}
	i.call(t, by, "GET", path, "")
	i.call(t, by, "DELETE", path, "")
	next.call(t, by, "GET", path, "").is(t, 404, "resource_not_found")
}

// TestListsAreReadAtOnceThroughTheOtherInstance changes a tenant's resources in
// every way there is, and reads the lists that show it through the other
// instance, which holds them in the cache.
func TestListsAreReadAtOnceThroughTheOtherInstance(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	by := w.caller(t)
	const every, invoices, orders = "/v1/resources", "/v1/resources?type=invoice&limit=5", "/v1/resources?type=order"
	read := func(at *instance, list, want string) {
		t.Helper()
		if got := at.call(t, by, "GET", list, ""); got.status != 200 || !strings.Contains(got.body, want) {
			t.Errorf("%s shows no %s: %s (%s)", list, want, got.body, got.header.Get("Cache-Status"))
		}
	}
	cached := func(lists ...string) {
		t.Helper()
		for _, list := range lists {
			for _, at := range []*instance{i, next} {
				at.cached(t, by, list)
			}
		}
	}
	note, _ := i.create(t, by, `{"type":"note","name":"n"}`) // before a tenant writes no list of it is kept
	i.call(t, by, "DELETE", note, "")
	cached(every, invoices, orders)
	path, made := i.create(t, by, `{"type":"invoice","name":"first"}`)
	read(next, every, made.ID)
	read(next, invoices, made.ID)
	if got := next.call(t, by, "GET", orders, ""); got.header.Get("Cache-Status") != "tandem; hit" {
		t.Errorf("a list that cannot have changed: %s", got.header.Get("Cache-Status"))
	}
	cached(every, invoices)
	i.call(t, by, "PUT", path, `{"name":"second"}`)
	read(next, every, `"second"`)
	read(next, invoices, `"second"`)
	cached(every, invoices)
	i.call(t, by, "PATCH", path, `{"name":"third"}`)
	read(next, invoices, `"third"`)
	read(next, every, `"third"`)
	cached(every, invoices)
	i.call(t, by, "DELETE", path, "")
	read(next, every, `{"items":[],"next_cursor":null}`)
	read(next, invoices, `{"items":[],"next_cursor":null}`)

	// Behind everybody's back, so that the cache and the database differ.
	path, _ = i.create(t, by, `{"type":"invoice","name":"n"}`)
	cached(every)
	w.exec(t, `UPDATE resources SET name = 'x' WHERE id = '`+strings.TrimPrefix(path, "/v1/resources/")+`'`)
	read(next, every, `"name":"n"`)
	got := next.call(t, by, "GET", every, "", "Cache-Control", "no-cache")
	if !strings.Contains(got.body, `"name":"x"`) || got.header.Get("Cache-Status") != "tandem; fwd=bypass; detail=request" {
		t.Errorf("no-cache: %s %s", got.header.Get("Cache-Status"), got.body)
	}
}

// TestAnAuthorisedHitIsOneRoundTrip counts at the server how often it read from
// a connection.
func TestAnAuthorisedHitIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnRedis: true, OwnNATS: true}) // what others write is not heard
	i := w.start(t)
	follow(t, i)
	by := w.caller(t)
	item, _ := i.create(t, by, `{"type":"invoice","name":"n"}`)
	eventually(t, patience, "nothing is done behind the answer any more", func() (bool, string) {
		left := w.inRedis(t, "cache:*:{markers}:*")
		return len(left) == 0 && i.metric(t, `invalidation_heard_total{result="applied"}`) == 1, strings.Join(left, " ")
	})
	for path, command := range map[string]string{item: "get", "/v1/resources?type=invoice": "mget"} {
		i.cached(t, by, path)
		const hits = 100
		before := w.counters(t)
		for range hits {
			if got := i.call(t, by, "GET", path, ""); got.header.Get("Cache-Status") != "tandem; hit" {
				t.Fatalf("no hit: %d %v", got.status, got.header)
			}
		}
		after := w.counters(t)
		spent := func(name string) int { return after[name] - before[name] }
		// Keepers ask INFO meanwhile, in a round trip of its own each time, and now and
		// then the janitor runs a script.
		others := spent("cmdstat_info") + min(spent("cmdstat_evalsha")+spent("cmdstat_eval"), hits/10)
		if trips := spent("total_reads_processed") - others; trips != hits {
			t.Errorf("%s: %d hits took %d round trips", path, hits, trips)
		}
		if spent("cmdstat_exists") != hits || spent("cmdstat_"+command) != hits {
			t.Errorf("%d hits took %d EXISTS and %d %s", hits, spent("cmdstat_exists"), spent("cmdstat_"+command), command)
		}
	}
}

// cached waits until a read is a hit, which is soon after a write.
func (i *instance) cached(t *testing.T, by caller, path string) {
	t.Helper()
	eventually(t, patience, path+" is hit", func() (bool, string) {
		status := i.call(t, by, "GET", path, "").header.Get("Cache-Status")
		return status == "tandem; hit", status
	})
}

// counters are the numbers that the server counts in INFO.
func (w world) counters(t *testing.T) map[string]int {
	t.Helper()
	text, err := w.redis.Info(t.Context(), "stats", "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.TrimPrefix(value, "calls=")
		value, _, _ = strings.Cut(value, ",")
		if n, err := strconv.Atoi(value); err == nil {
			found[name] = n
		}
	}
	return found
}
