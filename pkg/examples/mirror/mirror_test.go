package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/examples/mirror"
	"tandem.example/pkg/invalidation"
)

func TestMain(m *testing.M) { devstack.Main(m) }

const patience = 2 * time.Minute

// owner is the service that owns the documents: it counts how often it is asked,
// and announces what it changes.
type owner struct {
	t     *testing.T
	stack *devstack.Stack
	js    jetstream.JetStream

	mu       sync.Mutex // guards all below
	versions map[string]int64
	reads    int
	pause    func(id string) // between reading and answering
}

func newOwner(t *testing.T) *owner {
	t.Helper()
	o := &owner{t: t, stack: devstack.T(t, devstack.Options{OwnNATS: true}), versions: map[string]int64{}}
	o.connect()
	o.create()
	return o
}

func (o *owner) dial(user string) *nats.Conn {
	o.t.Helper()
	nc, err := nats.Connect(o.stack.NATSURLFor(user), nats.RootCAs(o.stack.CAFile), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(nc.Close)
	return nc
}

func (o *owner) connect() {
	o.t.Helper()
	js, err := jetstream.New(o.dial("admin"))
	if err != nil {
		o.t.Fatal(err)
	}
	o.js = js
}

func (o *owner) create() {
	o.t.Helper()
	_, err := o.js.CreateStream(o.t.Context(), jetstream.StreamConfig{Name: invalidation.Stream, Subjects: []string{invalidation.StreamPattern}})
	if err != nil {
		o.t.Fatal(err)
	}
}

// Read implements [mirror.Source].
func (o *owner) Read(_ context.Context, id string) (mirror.Document, error) {
	o.mu.Lock()
	o.reads++
	version, ok := o.versions[id]
	pause := o.pause
	o.mu.Unlock()
	if pause != nil {
		pause(id)
	}
	if !ok {
		return mirror.Document{}, mirror.ErrNotFound
	}
	return mirror.Document{Version: version, Body: []byte(strconv.FormatInt(version, 10))}, nil
}

// change makes the next version and tells of it.
func (o *owner) change(id string) int64 {
	o.t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.versions[id]++
	o.tell(id, o.versions[id])
	return o.versions[id]
}

func (o *owner) tell(id string, version int64) {
	o.t.Helper()
	e := invalidation.Event{
		ID: fmt.Sprint(id, version), Source: "here/owner", Time: time.Now(), Change: invalidation.Change{
			Action: invalidation.Updated, Tenant: "t", Type: "invoice", ID: id, Version: version, Keys: []string{},
		},
	}
	body, err := invalidation.Encode(e)
	if err != nil {
		o.t.Fatal(err)
	}
	msg := nats.NewMsg(invalidation.Address(e.Change.Subject()))
	msg.Data = body
	msg.Header.Set(invalidation.VersionHeader, strconv.FormatInt(version, 10))
	if _, err := o.js.PublishMsg(o.t.Context(), msg); err != nil {
		o.t.Fatal(err)
	}
}

// mirror follows the owner.
func (o *owner) mirror(limit int) *mirror.Map {
	o.t.Helper()
	m, _ := o.follow(limit)
	return m
}

func (o *owner) follow(limit int) (*mirror.Map, *invalidation.Subscription) {
	o.t.Helper()
	m := mirror.New(o, limit)
	return m, o.follows(m)
}

func (o *owner) follows(m *mirror.Map) *invalidation.Subscription {
	o.t.Helper()
	s, err := m.Follow(context.WithoutCancel(o.t.Context()), o.dial(devstack.Subscriber), "mirror", "invoice", func(err error) { o.t.Log(err) })
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			o.t.Error(err)
		}
	})
	eventually(o.t, "it follows", func() bool { return s.Err() == nil })
	return s
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("still not true: %s", what)
		case <-tick.C:
		}
	}
}

// get wants that version, and tells whether the map had it.
func get(t *testing.T, m *mirror.Map, id string, version int64) bool {
	t.Helper()
	doc, hit, err := m.Get(t.Context(), id)
	if err != nil || doc.Version != version {
		t.Errorf("%s: version %d, not %d (hit: %t), %v", id, doc.Version, version, hit, err)
	}
	return hit
}

func TestAChangeIsHeard(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	m := o.mirror(10)
	if _, _, err := m.Get(t.Context(), "a"); !errors.Is(err, mirror.ErrNotFound) {
		t.Errorf("nothing is there: %v", err)
	}
	for range 5 {
		version := o.change("a")
		eventually(t, "the change is heard, and what is read then kept", func() bool {
			doc, hit, err := m.Get(t.Context(), "a")
			return err == nil && hit && doc.Version == version
		})
	}
	o.tell("a", 3) // of old
	o.change("b")
	eventually(t, "b is kept", func() bool { return get(t, m, "b", 1) })
	if !get(t, m, "a", 5) {
		t.Error("what is newer than an event is dropped")
	}
}

// The change is made and heard of after the owner was read and before it answers.
func TestAReadThatAChangeOvertookIsNotKept(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	m := o.mirror(10)
	o.change("a")
	o.change("signal")
	eventually(t, "events are heard", func() bool { return get(t, m, "signal", 1) })
	o.pause = func(id string) {
		if id != "a" {
			return
		}
		o.change("a")
		o.change("signal") // comes later, so when this is heard the other is
		eventually(t, "the change is heard", func() bool {
			doc, hit, err := m.Get(t.Context(), "signal")
			return err == nil && hit && doc.Version == 2
		})
	}
	get(t, m, "a", 1) // it began before the change
	o.pause = nil
	if get(t, m, "a", 2) {
		t.Error("it came from the map")
	}
	if !get(t, m, "a", 2) {
		t.Error("it is not kept")
	}
}

// One reader or another is always at the owner, from before the flush on.
func TestADocumentThatIsAlwaysBeingReadIsKeptAfterAFlush(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	o.change("a")
	began, goOn := make(chan struct{}), make(chan struct{})
	o.pause = func(string) {
		began <- struct{}{}
		<-goOn
	}
	m := mirror.New(o, 10)
	ended := make(chan struct{})
	reader := func() {
		get(t, m, "a", 1)
		ended <- struct{}{}
	}
	go reader()
	<-began
	o.follows(m) // and so it has flushed
	go reader()
	<-began
	for range 2 {
		goOn <- struct{}{}
		<-ended
	}
	o.mu.Lock()
	o.pause = nil
	o.mu.Unlock()
	if !get(t, m, "a", 1) {
		t.Error("it is not kept")
	}
}

func TestNothingIsKeptWhenEventsWereMissed(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	m, s := o.follow(10)
	o.change("a")
	eventually(t, "a is kept", func() bool { return get(t, m, "a", 1) })
	if err := o.js.DeleteStream(t.Context(), invalidation.Stream); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the loss is noticed", func() bool { return s.Err() != nil })
	o.mu.Lock()
	o.versions["a"] = 2 // its event is lost
	o.mu.Unlock()
	o.create()
	eventually(t, "it follows again", func() bool { return s.Err() == nil })
	if get(t, m, "a", 2) {
		t.Error("it came from the map")
	}
}

func TestWithoutTheStreamTheOwnerIsAsked(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	m := o.mirror(10)
	o.change("a")
	eventually(t, "a is kept", func() bool { return get(t, m, "a", 1) })
	if err := o.stack.Kill("nats"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the owner is asked", func() bool { return !get(t, m, "a", 1) })
	o.mu.Lock()
	o.versions["a"] = 2
	o.mu.Unlock()
	if get(t, m, "a", 2) {
		t.Error("it came from the map")
	}
	if err := o.stack.Start(t.Context(), "nats"); err != nil {
		t.Fatal(err)
	}
	o.connect()
	o.tell("a", 2)
	eventually(t, "a is kept again", func() bool { return get(t, m, "a", 2) })
}

func TestTheMapIsBounded(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	m := o.mirror(3)
	for n := range 10 {
		o.change(strconv.Itoa(n))
	}
	eventually(t, "the last event is heard", func() bool { return get(t, m, "9", 1) })
	hits := 0
	for n := range 10 {
		get(t, m, strconv.Itoa(n), 1)
	}
	o.mu.Lock()
	before := o.reads
	o.mu.Unlock()
	for n := range 10 {
		if get(t, m, strconv.Itoa(n), 1) {
			hits++
		}
	}
	if hits > 3 || o.reads-before != 10-hits {
		t.Errorf("%d hits, %d reads", hits, o.reads-before)
	}
}

// Whatever happens at the same time, in the end the map is right.
func TestManyChangesAndReaders(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	m := o.mirror(8)
	ids := make([]string, 12)
	for n := range ids {
		ids[n] = strconv.Itoa(n)
		o.change(ids[n])
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			newest := map[string]int64{}
			for range 500 {
				id := ids[rand.N(len(ids))]
				doc, _, err := m.Get(t.Context(), id)
				if err != nil || doc.Version < 1 {
					t.Errorf("%s: %d, %v", id, doc.Version, err)
				}
				newest[id] = max(newest[id], doc.Version)
			}
		})
	}
	for range 300 {
		o.change(ids[rand.N(len(ids))])
	}
	all.Wait()
	for _, id := range ids {
		version := o.change(id)
		eventually(t, id+" is right", func() bool {
			doc, hit, err := m.Get(t.Context(), id)
			return err == nil && hit && doc.Version == version
		})
	}
}
