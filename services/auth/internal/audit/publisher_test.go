package audit

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap/zaptest"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/env"
	"tandem.example/pkg/revocation"
)

func dial(url, ca string, options ...nats.Option) (*nats.Conn, error) {
	return nats.Connect(url, append(options, nats.RootCAs(ca), nats.MaxReconnects(-1),
		nats.ReconnectWait(20*time.Millisecond), nats.ReconnectBufSize(-1), nats.RetryOnFailedConnect(true))...)
}

func (w *world) connect(url string) *nats.Conn {
	w.t.Helper()
	closed := make(chan struct{})
	nc, err := dial(url, w.stack.CAFile, nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { nc.Close(); <-closed })
	return nc
}

// publisher makes one with the rights that the service has; start starts it.
func (w *world) publisher() *Publisher {
	w.t.Helper()
	url := w.stack.DatabaseURL
	if user := w.stack.DatabaseUser(devstack.Auth); user != "" {
		url = w.stack.DatabaseURLFor(devstack.Auth)
		if err := crdb.GrantTo(w.t.Context(), env.Secret(w.stack.DatabaseURL), user,
			crdb.Grant{Table: "audit", Privileges: "SELECT, INSERT, UPDATE, DELETE"},
			crdb.Grant{Table: "audit_leases", Privileges: "SELECT, UPDATE"}); err != nil {
			w.t.Fatal(err)
		}
	}
	return NewPublisher(Settings{Holder: uuid.NewString(), Source: "test/auth", Replicas: 1}, w.open(url), zaptest.NewLogger(w.t), prometheus.NewRegistry())
}

func (w *world) start(p *Publisher) *Publisher {
	w.t.Helper()
	if err := p.Start(w.connect(w.stack.NATSURLFor(devstack.Auth))); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { w.stop(p) })
	return p
}

func (w *world) stop(p *Publisher) {
	w.t.Helper()
	if err := p.Stop(context.WithoutCancel(w.t.Context())); err != nil {
		w.t.Error(err)
	}
}

func (w *world) drained() {
	w.t.Helper()
	w.eventually("everything is announced", func() bool { return len(w.ids("published = false")) == 0 })
}

// stored reads a whole stream: what lies on which subject, by id.
func (w *world) stored(name string) map[string]*jetstream.RawStreamMsg {
	w.t.Helper()
	js, err := jetstream.New(w.connect(w.stack.NATSURL))
	if err != nil {
		w.t.Fatal(err)
	}
	stream, err := js.Stream(w.t.Context(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	found := map[string]*jetstream.RawStreamMsg{}
	state := stream.CachedInfo().State
	for seq := max(state.FirstSeq, 1); seq <= state.LastSeq; seq++ {
		msg, err := stream.GetMsg(w.t.Context(), seq)
		if err != nil {
			w.t.Fatal(err)
		}
		id := msg.Header.Get(nats.MsgIdHdr)
		if found[id] != nil {
			w.t.Errorf("%s is stored twice in %s", id, name)
		}
		found[id] = msg
	}
	return found
}

// announced demands every event once in its stream, and every end in the other.
func (w *world) announced(events ...Event) {
	w.t.Helper()
	audit, revocations := w.stored(Stream), w.stored(revocation.Stream)
	if len(audit) != len(events) {
		w.t.Errorf("%d announcements of %d events", len(audit), len(events))
	}
	ended := 0
	for i := range events {
		e := &events[i]
		list, err := announcements(e, "test/auth")
		if err != nil {
			w.t.Fatal(err)
		}
		for _, a := range list {
			msg := audit[e.ID.String()]
			if a.stream == revocation.Stream {
				msg = revocations[e.ID.String()]
				ended++
			}
			if msg == nil {
				w.t.Errorf("%s: no announcement in %s", e.Type, a.stream)
			} else if msg.Subject != a.subject || string(msg.Data) != string(a.body) || msg.Header.Get("Content-Type") != revocation.ContentType {
				w.t.Errorf("%s: %s %s %v", a.subject, msg.Subject, msg.Data, msg.Header)
			}
		}
	}
	if len(revocations) != ended {
		w.t.Errorf("%d announced revocations, want %d", len(revocations), ended)
	}
}

func TestEveryEventIsAnnounced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnNATS: true})
	before := w.store(many(t.Context(), pageSize+20)...)
	p := w.start(w.publisher())
	w.drained()
	after := w.store(many(t.Context(), 20)...)
	w.drained()
	w.announced(append(before, after...)...)
	if n := testutil.ToFloat64(p.metrics.published); n != float64(len(before)+len(after)) {
		t.Errorf("%v are counted", n)
	}
}

// NATS is away, for the service nothing is wrong; when it is back, nothing is
// missing.
func TestAnnouncedWhenNATSIsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnNATS: true})
	p := w.start(w.publisher())
	events := w.store(many(t.Context(), 40)...)
	w.drained()
	if err := w.stack.Kill("nats"); err != nil {
		t.Fatal(err)
	}
	missed := w.store(many(t.Context(), 40)...)
	p.Nudge(missed[0].ID, missed[1].ID)
	w.eventually("the backlog is shown", func() bool { return testutil.ToFloat64(p.metrics.pending) == 40 })
	if err := w.stack.Start(t.Context(), "nats"); err != nil {
		t.Fatal(err)
	}
	w.drained()
	w.announced(append(events, missed...)...)
	w.eventually("the backlog is gone", func() bool { return testutil.ToFloat64(p.metrics.pending) == 0 })
}

// Only one sweeps, each announces what it is told of, and nothing is stored
// twice whoever was faster.
func TestManyPublishers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnNATS: true})
	var all []*Publisher
	for range 3 {
		all = append(all, w.start(w.publisher()))
	}
	var events []Event
	for round := range 10 {
		some := w.store(many(t.Context(), 20)...)
		for i, e := range some {
			all[(round+i)%3].Nudge(e.ID)
		}
		events = append(events, some...)
	}
	w.drained()
	w.announced(events...)
}

func TestANudgeNeedsNoLease(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnNATS: true})
	w.exec(`UPDATE audit_leases SET holder = 'another', lease_until = now() + INTERVAL '1 hour'`)
	p := w.start(w.publisher())
	events := w.store(many(t.Context(), 2)...)
	w.eventually("the nudged one is announced", func() bool {
		p.Nudge(events[0].ID) // the connection may not be there at first
		return len(w.ids("published = true AND id = $1", events[0].ID)) == 1
	})
	if len(w.ids("published = false AND id = $1", events[1].ID)) != 1 {
		t.Error("without the lease it sweeps")
	}
	w.exec(`UPDATE audit_leases SET lease_until = now() - INTERVAL '1 second'`) // it has died
	w.drained()
}

// What the server refuses holds nothing else up and is not forgotten.
func TestARefusedEventIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnNATS: true})
	first := w.store(many(t.Context(), 1)...)[0]
	w.exec(`UPDATE audit SET detail = $1`, map[string]string{"x": strings.Repeat("x", maxMessage)}) // no event can be so long
	rest := w.store(many(t.Context(), 5)...)
	p := w.start(w.publisher())
	w.eventually("the others are announced", func() bool { return slices.Equal(w.ids("published = false"), []uuid.UUID{first.ID}) })
	if n := testutil.ToFloat64(p.metrics.failures.WithLabelValues("refused")); n < 1 {
		t.Errorf("%v refusals are counted", n)
	}
	w.announced(rest...)
	if len(w.ids("published = false")) != 1 {
		t.Error("it is forgotten")
	}
}

// Who stops leaves nothing waiting and lets the next go on at once.
func TestStopAnnouncesTheRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnNATS: true})
	p := w.start(w.publisher())
	first := w.store(many(t.Context(), 1)...)
	w.drained()
	rest := w.store(many(t.Context(), 30)...)
	w.stop(p)
	if n := len(w.ids("published = false")); n != 0 {
		t.Errorf("%d events wait", n)
	}
	w.announced(append(first, rest...)...)
	if held, err := (outbox{w.db}).claim(t.Context(), "next", time.Second); err != nil || !held {
		t.Errorf("the lease is kept: %v", err)
	}
}

// A stream that somebody manages otherwise stays as it is.
func TestAnOperatorsStreamIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnNATS: true})
	js, err := jetstream.New(w.connect(w.stack.NATSURL))
	if err != nil {
		t.Fatal(err)
	}
	for name, theirs := range map[string]jetstream.StreamConfig{
		Stream:            {Subjects: []string{StreamPattern}, MaxAge: 365 * 24 * time.Hour, Description: "theirs"},
		revocation.Stream: {Subjects: []string{revocation.StreamPattern}, Storage: jetstream.MemoryStorage, MaxMsgs: 1000},
	} {
		theirs.Name = name
		if _, err = js.CreateStream(t.Context(), theirs); err != nil {
			t.Fatal(err)
		}
	}
	w.start(w.publisher())
	events := w.store(many(t.Context(), 5)...)
	w.drained()
	w.announced(events...)
	kept, err1 := js.Stream(t.Context(), Stream)
	ends, err2 := js.Stream(t.Context(), revocation.Stream)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if cfg := kept.CachedInfo().Config; cfg.MaxAge != 365*24*time.Hour || cfg.Description != "theirs" {
		t.Errorf("changed: %+v", cfg)
	}
	if cfg := ends.CachedInfo().Config; cfg.Storage != jetstream.MemoryStorage || cfg.MaxMsgs != 1000 {
		t.Errorf("changed: %+v", cfg)
	}
}
