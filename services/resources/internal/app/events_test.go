package app_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/invalidation"
)

// listener is another service that hears of changes.
type listener struct {
	mu     sync.Mutex
	events []invalidation.Event
}

// connect is a connection of another service.
func (w world) connect(t *testing.T) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(w.stack.NATSURLFor(devstack.Subscriber), nats.RootCAs(w.stack.CAFile), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// listen follows the stream with a durable consumer.
func (w world) listen(t *testing.T) *listener {
	t.Helper()
	l := &listener{}
	s, err := invalidation.Subscribe(t.Context(), w.connect(t), invalidation.Options{
		Durable: "test-" + uuid.NewString(), Flush: func(context.Context, invalidation.Gap) error { return nil },
	}, func(_ context.Context, e invalidation.Event) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.events = append(l.events, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(context.WithoutCancel(t.Context())) })
	eventually(t, 20*time.Second, "the listener follows", func() (bool, string) {
		err := s.Err()
		return err == nil, "not following"
	})
	return l
}

// of gives what was heard of one resource.
func (l *listener) of(id string) []invalidation.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []invalidation.Event
	for _, e := range l.events {
		if e.Change.ID == id {
			found = append(found, e)
		}
	}
	return found
}

func TestEveryWriteIsOneEvent(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	l := w.listen(t)
	by := w.caller(t)
	path, made := i.create(t, by, `{"type":"invoice","name":"n"}`)
	i.call(t, by, "PUT", path, `{"name":"m"}`)
	next.call(t, by, "PATCH", path, `{"name":"o"}`)
	i.call(t, by, "PATCH", path, `{"name":"p"}`, "If-Match", `"1"`).is(t, 412, "version_mismatch")
	i.call(t, by, "PATCH", path, `{"name":""}`).is(t, 422, "invalid_resource")
	next.call(t, by, "DELETE", path, "")
	i.call(t, by, "DELETE", path, "").is(t, 404, "resource_not_found")
	eventually(t, 20*time.Second, "the last event", func() (bool, string) {
		got := l.of(made.ID)
		return len(got) > 0 && got[len(got)-1].Change.Action == invalidation.Deleted, ""
	})
	var actions []invalidation.Action
	ids := map[string]bool{}
	for n, e := range l.of(made.ID) {
		actions, ids[e.ID] = append(actions, e.Change.Action), true
		c := e.Change
		if c.Version != int64(n)+1 || c.Tenant != by.claims.Tenant || c.Type != "invoice" || !slices.Equal(c.Keys, []string{
			"resources/" + c.Tenant + "/" + c.ID, "lists/" + c.Tenant + "/invoice", "lists/" + c.Tenant + "/*",
		}) {
			t.Errorf("event %d: %+v", n, e)
		}
	}
	want := []invalidation.Action{invalidation.Created, invalidation.Updated, invalidation.Updated, invalidation.Deleted}
	if !slices.Equal(actions, want) || len(ids) != len(want) {
		t.Errorf("heard %v", actions)
	}
	if n := w.stored(t, "invoice."+made.ID); n != uint64(len(want)) {
		t.Errorf("the stream has %d messages", n)
	}
}

// stored counts the messages on a resource's subject.
func (w world) stored(t *testing.T, subject string) uint64 {
	t.Helper()
	js, err := jetstream.New(w.connect(t))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), invalidation.Stream)
	if err != nil {
		t.Fatal(err)
	}
	address := invalidation.Address(subject)
	info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter(address))
	if err != nil {
		t.Fatal(err)
	}
	return info.State.Subjects[address]
}
