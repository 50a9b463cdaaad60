package relay

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/invalidation"
)

func TestNATSKilledAndBack(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	a, b := p.start(p.relay(nil)), p.start(p.relay(nil))
	var group sync.WaitGroup
	group.Go(func() { p.load(3, 20, 200, a, b) })
	for range 3 {
		<-time.After(100 * time.Millisecond)
		if err := p.stack.Kill("nats"); err != nil {
			t.Fatal(err)
		}
		<-time.After(50 * time.Millisecond)
		if err := p.stack.Start(t.Context(), "nats"); err != nil {
			t.Fatal(err)
		}
	}
	group.Wait()
	p.drained()
	p.eventually("the test's own connection is back", p.admin.IsConnected)
	p.complete()
}

func TestWithoutNATSRowsStayAndTheLagIsSeen(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	if err := p.stack.Kill("nats"); err != nil {
		t.Fatal(err)
	}
	p.load(2, 10, 20)
	p.insert("old", 1, time.Now().Add(-time.Hour), "committed", "")
	r := p.start(p.relay(nil))
	p.eventually("the backlog is seen", func() bool {
		return r.value(t, "invalidation_outbox_pending") == 41 && r.value(t, "invalidation_outbox_oldest_seconds") > 3590
	})
	r.Nudge(subjectOf("old"))
	if n := p.unpublished(); n != 41 {
		t.Fatalf("%d rows left", n)
	}
	if err := p.stack.Start(t.Context(), "nats"); err != nil {
		t.Fatal(err)
	}
	p.drained()
	p.eventually("the test's own connection is back", p.admin.IsConnected)
	p.complete()
}

// What an outage leaves behind is worked off in time that grows with it, not
// with its square. The shards here are not those of the subjects: any will do.
func TestALargeBacklogIsWorkedOff(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	const rows, docs = 20_000, 4_000
	p.exec(`INSERT INTO operations (op_id, state, version, subject, event, shard)
		SELECT gen_random_uuid(), 'committed', div(g, $2) + 1, 'doc.x' || mod(g, $2),
		('{"action":"updated","tenant":"t","type":"doc","id":"x' || mod(g, $2) || '"}')::JSONB, mod(g, 8)
		FROM generate_series(0, $1::INT8 - 1) AS g`, rows, docs)
	r := p.start(p.relay(nil))
	p.drained()
	// On a busy machine an acknowledgement may come too late; then the row is met again.
	published, skipped := r.value(t, "invalidation_published_total"), r.value(t, "invalidation_skipped_total")
	if published+skipped < rows {
		t.Fatalf("published %v, found published %v", published, skipped)
	}
}

func TestStreamRemovedUnderTheRelay(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	p.start(p.relay(nil))
	p.mustWrite("a")
	p.drained()
	js, err := jetstream.New(p.admin)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), invalidation.Stream); err != nil {
		t.Fatal(err)
	}
	p.mustWrite("a")
	p.drained()
	if got := p.stored()["a"]; len(got) != 1 || got[0] != 2 {
		t.Fatalf("stored %v", got)
	}
	info, err := js.Stream(t.Context(), invalidation.Stream)
	if err != nil {
		t.Fatal(err)
	}
	if c := info.CachedInfo().Config; c.Storage != jetstream.FileStorage || c.Duplicates != dedupeFor || c.MaxAge != keepFor ||
		c.Discard != jetstream.DiscardOld || !c.AllowDirect {
		t.Errorf("the stream is %+v", c)
	}
}

// A stream that exists is the operator's: what they want to keep longer is kept.
func TestAnOperatorsStreamIsLeftAlone(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	js, err := jetstream.New(p.admin)
	if err != nil {
		t.Fatal(err)
	}
	theirs := jetstream.StreamConfig{
		Name: invalidation.Stream, Subjects: []string{invalidation.StreamPattern}, MaxAge: 365 * 24 * time.Hour, Description: "theirs",
	}
	if _, err := js.CreateStream(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	p.start(p.relay(nil))
	p.mustWrite("d")
	p.drained()
	kept, err := js.Stream(t.Context(), invalidation.Stream)
	if err != nil {
		t.Fatal(err)
	}
	if cfg := kept.CachedInfo().Config; cfg.MaxAge != theirs.MaxAge || cfg.Description != "theirs" {
		t.Errorf("changed: %+v", cfg)
	}
}

func TestDatabaseKilledAndBack(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{OwnDatabase: true})
	p.start(p.relay(nil))
	p.load(2, 5, 30)
	name := p.stack.Database()
	if err := p.stack.Kill(name); err != nil {
		t.Fatal(err)
	}
	if err := p.stack.Start(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	p.load(2, 5, 30)
	p.drained()
	p.complete()
}

// The whole way: writers, two relays, a subscriber, and NATS killed in between.
func TestASubscriberAccountsForEveryChange(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	a, b := p.start(p.relay(nil)), p.start(p.relay(nil))
	const writers, docs, each = 3, 10, 150
	var mu sync.Mutex
	seen, total := map[string]int64{}, 0
	sub, err := invalidation.Subscribe(context.WithoutCancel(t.Context()), p.connect(p.stack.NATSURLFor(devstack.Subscriber)), invalidation.Options{
		Durable: "account", From: invalidation.FromOldest,
		Flush:  func(context.Context, invalidation.Gap) error { return nil },
		Report: func(err error) { t.Log(err) },
	}, func(_ context.Context, e invalidation.Event) error {
		mu.Lock()
		defer mu.Unlock()
		if e.Change.Version != seen[e.Change.ID]+1 {
			t.Errorf("%s: version %d after %d", e.Change.ID, e.Change.Version, seen[e.Change.ID])
		}
		seen[e.Change.ID] = e.Change.Version
		total++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() { p.load(writers, docs, each, a, b) })
	<-time.After(150 * time.Millisecond)
	if err := p.stack.Kill("nats"); err != nil {
		t.Fatal(err)
	}
	if err := p.stack.Start(t.Context(), "nats"); err != nil {
		t.Fatal(err)
	}
	group.Wait()
	p.eventually("every change arrives", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return total == writers*each
	})
	if err := sub.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestTheTraceOfTheWriteGoesOn(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	p.start(p.relay(func(c *Config) { c.Tracing = provider }))
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	p.insert("a", 1, time.Now(), "committed",
		`{"action":"created","tenant":"t","type":"doc","id":"a","version":1,"keys":[],"source":"eu/x","trace":"00-`+trace+`-00f067aa0ba902b7-01"}`)
	p.drained()
	js, err := jetstream.New(p.admin)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), invalidation.Stream)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := stream.GetLastMsgForSubject(t.Context(), invalidation.Address(subjectOf("a")))
	if err != nil {
		t.Fatal(err)
	}
	got := spans.GetSpans()
	if len(got) != 1 || got[0].SpanContext.TraceID().String() != trace {
		t.Fatalf("spans %v", got)
	}
	if want := "00-" + trace + "-" + got[0].SpanContext.SpanID().String() + "-01"; msg.Header.Get("traceparent") != want {
		t.Fatalf("header %s, want %s", msg.Header.Get("traceparent"), want)
	}
	if e, err := invalidation.Decode(msg.Data); err != nil || e.Source != "eu/x" {
		t.Fatalf("event %+v, %v", e, err)
	}
}
