package invalidation_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/invalidation"
)

const patience = 2 * time.Minute

// bus is a NATS server of the test's own with the stream on it.
type bus struct {
	t     *testing.T
	stack *devstack.Stack
	js    jetstream.JetStream
}

func newBus(t *testing.T) *bus {
	t.Helper()
	b := &bus{t: t, stack: devstack.T(t, devstack.Options{OwnNATS: true})}
	js, err := jetstream.New(b.connect(b.stack.NATSURL))
	if err != nil {
		t.Fatal(err)
	}
	b.js = js
	b.create()
	return b
}

func (b *bus) create() {
	b.t.Helper()
	_, err := b.js.CreateStream(b.t.Context(), jetstream.StreamConfig{
		Name: invalidation.Stream, Subjects: []string{invalidation.StreamPattern}, AllowDirect: true,
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// connect also returns only when the server answers.
func (b *bus) connect(url string) *nats.Conn {
	b.t.Helper()
	closed := make(chan struct{})
	nc, err := nats.Connect(url, nats.RootCAs(b.stack.CAFile), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond),
		nats.ReconnectBufSize(-1), nats.IgnoreAuthErrorAbort(), nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { nc.Close(); <-closed })
	return nc
}

// subscriber connects as a service that may do no more than listen.
func (b *bus) subscriber() *nats.Conn {
	b.t.Helper()
	return b.connect(b.stack.NATSURLFor(devstack.Subscriber))
}

func event(subject int, version int64) invalidation.Event {
	e := sample()
	e.ID = fmt.Sprintf("op-%d-%d", subject, version)
	e.Change.ID, e.Change.Version = fmt.Sprintf("r%d", subject), version
	return e
}

func (b *bus) publish(events ...invalidation.Event) {
	b.t.Helper()
	for _, e := range events {
		msg := nats.NewMsg(invalidation.Address(e.Change.Subject()))
		msg.Data = encode(b.t, e)
		msg.Header.Set(invalidation.VersionHeader, strconv.FormatInt(e.Change.Version, 10))
		if _, err := b.js.PublishMsg(b.t.Context(), msg); err != nil {
			b.t.Fatal(err)
		}
	}
}

// raw publishes as somebody at a terminal does.
func (b *bus) raw(subject string, body []byte) {
	b.t.Helper()
	if _, err := b.js.Publish(b.t.Context(), invalidation.Address(subject), body); err != nil {
		b.t.Fatal(err)
	}
}

// listener is a subscriber whose handler and flush can be made to fail.
type listener struct {
	t      *testing.T
	sub    *invalidation.Subscription
	events chan invalidation.Event
	gaps   chan invalidation.Gap

	mu       sync.Mutex // guards all below
	fail     map[string]int
	failures int
	bad      int
}

var errOnPurpose = errors.New("on purpose")

func (l *listener) handle(_ context.Context, e invalidation.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail[e.ID] > 0 {
		l.fail[e.ID]--
		l.failures++
		return errOnPurpose
	}
	l.events <- e
	return nil
}

// failed waits until the handler has failed so often.
func (l *listener) failed(times int) {
	l.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; {
		l.mu.Lock()
		n := l.failures
		l.mu.Unlock()
		if n >= times {
			return
		}
		if <-tick.C; time.Now().After(deadline) {
			l.t.Fatalf("the handler failed %d times", n)
		}
	}
}

// mend lets the handler take an event.
func (l *listener) mend(e invalidation.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.fail, e.ID)
}

func (l *listener) flush(_ context.Context, gap invalidation.Gap) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bad > 0 {
		l.bad--
		return errOnPurpose
	}
	l.gaps <- gap
	return nil
}

func newListener(t *testing.T) *listener {
	t.Helper()
	return &listener{t: t, events: make(chan invalidation.Event, 10_000), gaps: make(chan invalidation.Gap, 100), fail: map[string]int{}}
}

func (l *listener) listen(nc *nats.Conn, o invalidation.Options) *listener {
	l.t.Helper()
	if o.Durable == "" {
		o.Durable = "listener"
	}
	o.Flush, o.Report = l.flush, func(err error) { l.t.Log("reported:", err) }
	sub, err := invalidation.Subscribe(context.WithoutCancel(l.t.Context()), nc, o, l.handle)
	if err != nil {
		l.t.Fatal(err)
	}
	l.sub = sub
	l.t.Cleanup(l.stop)
	return l
}

func (l *listener) stop() {
	l.t.Helper()
	if err := l.sub.Stop(context.WithoutCancel(l.t.Context())); err != nil {
		l.t.Error(err)
	}
}

func (l *listener) next() invalidation.Event {
	l.t.Helper()
	select {
	case e := <-l.events:
		return e
	case <-time.After(patience):
		l.t.Fatal("no event came")
		panic("unreachable")
	}
}

func (l *listener) expect(events ...invalidation.Event) {
	l.t.Helper()
	for _, want := range events {
		if got := l.next(); got.ID != want.ID {
			l.t.Fatalf("got %s, want %s", got.ID, want.ID)
		}
	}
}

func (l *listener) expectGap(want invalidation.Reason) invalidation.Gap {
	l.t.Helper()
	select {
	case g := <-l.gaps:
		if g.Reason != want {
			l.t.Fatalf("flushed for %+v, want %s", g, want)
		}
		return g
	case <-time.After(patience):
		l.t.Fatalf("not flushed for %s", want)
		panic("unreachable")
	}
}

func (l *listener) expectNothing() {
	l.t.Helper()
	select {
	case e := <-l.events:
		l.t.Fatalf("event %s came", e.ID)
	case g := <-l.gaps:
		l.t.Fatalf("flushed for %+v", g)
	default:
	}
}
