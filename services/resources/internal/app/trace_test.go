package app_test

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"tandem.example/pkg/devstack"
)

// TestATraceCrossesEveryHop follows one request through HTTP, the database,
// Redis and the announcement on NATS. The exporter reads the process's own
// environment, so this test runs alone.
func TestATraceCrossesEveryHop(t *testing.T) { //nolint:paralleltest // t.Setenv
	var mu sync.Mutex
	var exports []*collector.ExportTraceServiceRequest
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var export collector.ExportTraceServiceRequest
		body, err := io.ReadAll(r.Body)
		if err = errors.Join(err, proto.Unmarshal(body, &export)); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		exports = append(exports, &export)
	}))
	defer server.Close()
	const variable = "OTEL_EXPORTER_OTLP_ENDPOINT"
	t.Setenv(variable, server.URL)

	w := newWorld(t, devstack.Options{})
	i := w.start(t, variable, server.URL)
	const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	i.call(t, w.caller(t), "POST", "/v1/resources", `{"type":"invoice","name":"n"}`,
		"Traceparent", "00-"+traceID+"-00f067aa0ba902b7-01").is(t, 201, "")
	eventually(t, patience, "the change is announced", func() (bool, string) {
		var published bool
		err := w.sql(t).QueryRow(t.Context(), `SELECT bool_and(published) FROM operations`).Scan(&published)
		return err == nil && published, ""
	})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := i.stop(ctx); err != nil { // sends what is held back
		t.Fatal(err)
	}

	mu.Lock()
	defer mu.Unlock()
	seen := map[string]int{}
	for _, export := range exports {
		for _, resource := range export.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					if hex.EncodeToString(span.GetTraceId()) == traceID {
						seen[scope.GetScope().GetName()]++
					}
				}
			}
		}
	}
	for _, scope := range []string{
		"tandem.example/pkg/httpserver", "github.com/exaring/otelpgx",
		"github.com/redis/go-redis/extra/redisotel", "tandem.example/pkg/invalidation/relay",
	} {
		if seen[scope] == 0 {
			t.Errorf("no span of %s belongs to the request's trace: %v", scope, seen)
		}
	}
}
