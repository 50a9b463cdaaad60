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

// TestAnAuthorisedHitIsOneRoundTrip counts at the server how often it read from
// a connection.
func TestAnAuthorisedHitIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnRedis: true})
	i := w.start(t)
	by := w.caller(t)
	path, _ := i.create(t, by, `{"type":"invoice","name":"n"}`)
	i.call(t, by, "GET", path, "")
	i.call(t, by, "GET", path, "")
	const hits = 100
	before := w.counters(t)
	for range hits {
		if got := i.call(t, by, "GET", path, ""); got.header.Get("Cache-Status") != "tandem; hit" {
			t.Fatalf("no hit: %d %v", got.status, got.header)
		}
	}
	after := w.counters(t)
	spent := func(name string) int { return after[name] - before[name] }
	// Keepers ask INFO meanwhile, in a round trip of its own each time.
	if trips := spent("total_reads_processed") - spent("cmdstat_info"); trips != hits {
		t.Errorf("%d hits took %d round trips", hits, trips)
	}
	if spent("cmdstat_exists") != hits || spent("cmdstat_get") != hits {
		t.Errorf("%d hits took %d EXISTS and %d GET", hits, spent("cmdstat_exists"), spent("cmdstat_get"))
	}
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
