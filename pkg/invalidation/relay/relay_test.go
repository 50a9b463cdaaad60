package relay

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/zap"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/env"
	"tandem.example/pkg/invalidation"
	"tandem.example/pkg/natsfx"
)

// write from several sides at once, telling one of the relays each time.
func (p *plant) load(writers, docs, each int, told ...*running) {
	p.t.Helper()
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				id := doc((w*7 + i) % docs)
				if _, err := p.write(p.t.Context(), id); err != nil {
					p.t.Errorf("write %s: %v", id, err)
					return
				}
				if len(told) > 0 && i%3 > 0 { // the rest is found by sweeping
					told[(w+i)%len(told)].Nudge(subjectOf(id))
				}
			}
		})
	}
	group.Wait()
}

func TestTwoRelaysAnnounceEverythingOnceInOrder(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	a, b := p.start(p.relay(nil)), p.start(p.relay(nil))
	p.load(6, 30, 500, a, b)
	p.drained()
	p.complete()
	published := a.value(t, "invalidation_published_total") + b.value(t, "invalidation_published_total")
	lags := a.value(t, "invalidation_lag_seconds") + b.value(t, "invalidation_lag_seconds")
	if published > 3000 || lags != 3000 { // whose answer was lost is found announced by the next try
		t.Errorf("counted %v published, %v marked", published, lags)
	}
	if a.value(t, "invalidation_published_total") == 0 || b.value(t, "invalidation_published_total") == 0 {
		t.Error("one of the relays had nothing to do: this proves little")
	}
}

// Leases are not what keeps the order: here both relays take everything.
func TestOrderHoldsWithoutLeases(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	var all []*running
	for range 3 {
		r := p.relay(nil)
		r.shards, r.leaseUntil, r.nextClaim = []int64{0, 1, 2, 3, 4, 5, 6, 7}, time.Now().Add(time.Hour), time.Now().Add(time.Hour)
		r.settings().dedupe = 100 * time.Millisecond
		all = append(all, p.start(r))
	}
	p.load(4, 5, 250)
	p.drained()
	p.complete()
	if all[0].value(t, "invalidation_skipped_total")+all[1].value(t, "invalidation_skipped_total")+
		all[2].value(t, "invalidation_skipped_total") == 0 {
		t.Error("they never met: this proves nothing")
	}
}

func TestANudgeNeedsNoSweep(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	r := p.start(p.relay(func(c *Config) { c.Poll = time.Minute }))
	p.mustWrite("a")
	p.mustWrite("a")
	p.eventually("the nudge is heard", func() bool { // it is dropped while NATS is not connected yet
		r.Nudge(subjectOf("a"))
		return p.unpublished() == 0
	})
	p.complete()
}

func TestStopAnnouncesWhatIsThereAndFreesTheLeases(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	r := p.start(p.relay(nil))
	p.mustWrite("a")
	p.drained() // it holds the leases now
	p.mustWrite("b")
	p.stop(r)
	if n := p.unpublished(); n != 0 {
		t.Fatalf("%d left behind", n)
	}
	begun := time.Now()
	p.start(p.relay(nil))
	p.mustWrite("c")
	p.drained()
	if took := time.Since(begun); took > leaseFor/2 {
		t.Fatalf("the next relay had to wait %v for the leases", took)
	}
	p.complete()
}

func TestALostHolderIsReplaced(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	p.exec(`UPDATE relay_leases SET holder = 'gone', lease_until = now() + INTERVAL '2 seconds'`)
	r := p.start(p.relay(nil))
	p.mustWrite("a")
	p.drained()
	p.stop(r)
	p.complete()
}

func TestAbortedRowsAreNotAnnounced(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	p.insert("z", 1, time.Now(), "aborted", "")
	p.start(p.relay(nil))
	p.mustWrite("a")
	p.drained()
	if got := p.stored(); len(got) != 1 || got["a"] == nil {
		t.Fatalf("stored: %v", got)
	}
}

func TestABadRowBlocksItsSubjectAlone(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	p.mustWrite("bad")
	op := p.insert("bad", 2, time.Now(), "committed", `{"action":"misspelt","tenant":"t","type":"doc","id":"bad"}`)
	p.insert("bad", 3, time.Now(), "committed", "")
	other := p.insert("other", 1, time.Now(), "committed", `{"action":"created","tenant":"t","type":"doc","id":"bad","keys":[]}`)
	r := p.start(p.relay(nil))
	p.load(1, 10, 100)
	p.eventually("the others are announced", func() bool { return p.unpublished() == 3 })
	if got := p.stored()["bad"]; !slices.Equal(got, []int64{1}) {
		t.Fatalf("versions past the bad one: %v", got)
	}
	if r.value(t, "invalidation_publish_errors_total") == 0 {
		t.Error("no error was counted")
	}
	p.exec(`UPDATE operations SET event = '{"action":"updated","tenant":"t","type":"doc","id":"bad"}' WHERE op_id = $1`, op)
	p.exec(`DELETE FROM operations WHERE op_id = $1`, other)
	p.drained()
	if got := p.stored()["bad"]; !slices.Equal(got, []int64{1, 2, 3}) {
		t.Fatalf("after the repair: %v", got)
	}
}

// As many as a sweep looks at, and older than the rest.
func TestManyBadRowsDoNotFillTheSweep(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	shard := invalidation.Shard(subjectOf("good"))
	for i, n := 0, 0; n < 2*roundSubjects; i++ {
		if id := fmt.Sprint("bad", i); invalidation.Shard(subjectOf(id)) == shard {
			p.insert(id, 1, time.Now().Add(-time.Hour), "committed", `{}`)
			n++
		}
	}
	p.mustWrite("good")
	p.start(p.relay(nil))
	p.eventually("the good one is announced", func() bool { return p.unpublished() == 2*roundSubjects })
	p.complete()
}

func TestModule(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	p.mustWrite("a")
	var r *Relay
	app := fxtest.New(t, natsfx.Module, Module,
		fx.Supply(natsfx.Config{URL: env.Secret(p.stack.NATSURL), CAFile: p.stack.CAFile}, natsfx.Name("module"),
			Settings{Replicas: 1, Poll: testPoll}, env.App{Region: "eu"}, p.owner),
		fx.Provide(zap.NewNop, func() prometheus.Registerer { return prometheus.NewRegistry() },
			func() trace.TracerProvider { return noop.NewTracerProvider() }),
		fx.Populate(&r))
	app.RequireStart()
	p.drained()
	app.RequireStop()
	p.complete()
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		settings Settings
		problems int
	}{
		{Settings{1, 200 * time.Millisecond}, 0},
		{Settings{3, time.Second}, 0},
		{Settings{2, time.Second}, 1},
		{Settings{0, 0}, 2},
		{Settings{7, time.Hour}, 2},
	} {
		var got []error
		c.settings.Check("prod", func(variable, problem string) { got = append(got, errors.New(variable+problem)) })
		if len(got) != c.problems {
			t.Errorf("%+v: %v", c.settings, got)
		}
	}
}

func TestStopWithoutStart(t *testing.T) {
	t.Parallel()
	if err := New(Config{}).Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestUnannouncedIsTheAgeOfTheOldest(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	r := p.relay(nil)
	age := func() time.Duration {
		t.Helper()
		got, err := r.Unannounced(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := age(); got != 0 {
		t.Errorf("an empty outbox: %s", got)
	}
	for n := range 12 { // of several shards
		p.insert(fmt.Sprint("d", n), 1, time.Now().Add(-time.Duration(n)*time.Hour), "committed", "")
	}
	p.insert("aborted", 1, time.Now().Add(-24*time.Hour), "aborted", "")
	if got := age(); got < 11*time.Hour || got > 12*time.Hour {
		t.Errorf("the oldest is %s old", got)
	}
	p.start(r)
	p.drained()
	if got := age(); got != 0 {
		t.Errorf("when all is announced: %s", got)
	}
}
