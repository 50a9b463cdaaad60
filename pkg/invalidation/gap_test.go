package invalidation_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"tandem.example/pkg/invalidation"
)

func (b *bus) purge(keep uint64) {
	b.t.Helper()
	s, err := b.js.Stream(b.t.Context(), invalidation.Stream)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := s.Purge(b.t.Context(), jetstream.WithPurgeKeep(keep)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bus) remove() {
	b.t.Helper()
	if err := b.js.DeleteStream(b.t.Context(), invalidation.Stream); err != nil {
		b.t.Fatal(err)
	}
}

// The server moves its own floor past what is purged, so only the saved one
// tells.
func TestTellsWhatWasLostWhileAway(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]uint64{"some left": 1, "all gone": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBus(t)
			l := newListener(t).listen(b.subscriber(), fromOldest)
			l.expectGap(invalidation.Began)
			b.publish(event(1, 1))
			l.expect(event(1, 1))
			l.stop()
			b.publish(event(1, 2), event(2, 1), event(3, 1))
			b.purge(keep)
			l = newListener(t).listen(b.subscriber(), fromOldest)
			if g := l.expectGap(invalidation.Lost); g.Last != 1 || g.First != 5-keep {
				t.Fatalf("gap %+v", g)
			}
			b.publish(event(4, 1))
			if keep == 1 {
				l.expect(event(3, 1))
			}
			l.expect(event(4, 1))
			l.stop()
			l = newListener(t).listen(b.subscriber(), fromOldest)
			b.publish(event(4, 2))
			l.expect(event(4, 2))
			l.expectNothing() // told once
		})
	}
}

func TestNoticesLossWhileFollowing(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	l := newListener(t)
	l.fail[event(1, 1).ID] = 1 << 30
	o := fromOldest
	o.Check = 50 * time.Millisecond
	l.listen(b.subscriber(), o)
	l.expectGap(invalidation.Began)
	b.publish(event(1, 1), event(1, 2), event(2, 1))
	l.expect(event(2, 1))
	b.purge(0)
	l.expectGap(invalidation.Lost)
	b.publish(event(1, 3))
	l.expect(event(1, 3)) // no longer held back by what is gone
}

// What other filters or retention removed long after it was handled is no gap.
func TestOldEventsMayGo(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	o := fromOldest
	o.Types, o.Check = []string{"order"}, 20*time.Millisecond
	l := newListener(t).listen(b.subscriber(), o)
	l.expectGap(invalidation.Began)
	order := event(1, 1)
	order.Change.Type, order.ID = "order", "order-1"
	b.publish(order)
	l.expect(order)
	for v := range int64(50) {
		b.publish(event(2, v+1)) // not for this subscriber
	}
	consumer, err := b.js.Consumer(t.Context(), invalidation.Stream, "listener")
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; { // until the subscriber has noted that there is nothing up to the tail
		info, err := consumer.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info.Config.Metadata["tandem-floor"] == "51" {
			break
		}
		if <-tick.C; time.Now().After(deadline) {
			t.Fatalf("the floor stays at %v", info.Config.Metadata)
		}
	}
	b.purge(0)
	order.Change.Version, order.ID = 2, "order-2"
	b.publish(order)
	l.expect(order)
	l.stop()
	l = newListener(t).listen(b.subscriber(), o)
	order.Change.Version, order.ID = 3, "order-3"
	b.publish(order)
	l.expect(order)
	l.expectNothing()
}

func TestStreamCreatedAnew(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	l := newListener(t).listen(b.subscriber(), fromOldest)
	l.expectGap(invalidation.Began)
	b.publish(event(1, 1), event(1, 2))
	l.expect(event(1, 1), event(1, 2))
	b.remove()
	b.create()
	l.expectGap(invalidation.Recreated)
	b.publish(event(1, 1)) // the memory of versions is gone as well
	l.expect(event(1, 1))
	l.stop()
	b.remove()
	b.create()
	l = newListener(t).listen(b.subscriber(), fromOldest)
	l.expectGap(invalidation.Began)
}

func TestConsumerRemovedByHand(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	l := newListener(t).listen(b.subscriber(), invalidation.Options{})
	l.expectGap(invalidation.Began)
	if err := b.js.DeleteConsumer(t.Context(), invalidation.Stream, "listener"); err != nil {
		t.Fatal(err)
	}
	l.expectGap(invalidation.Recreated)
	b.publish(event(1, 1))
	l.expect(event(1, 1))
}

func TestWaitsForTheStreamToExist(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.remove()
	l := newListener(t).listen(b.subscriber(), fromOldest)
	if err := l.sub.Err(); !errors.Is(err, invalidation.ErrNotFollowing) {
		t.Fatalf("state: %v", err)
	}
	b.create()
	b.publish(event(1, 1))
	l.expect(event(1, 1))
	if err := l.sub.Err(); err != nil {
		t.Fatal(err)
	}
}

func TestServerKilledAndBack(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	o := fromOldest
	o.Silence = 200 * time.Millisecond
	l := newListener(t).listen(b.subscriber(), o)
	l.expectGap(invalidation.Began)
	b.publish(event(1, 1))
	l.expect(event(1, 1))
	if err := b.stack.Kill("nats"); err != nil {
		t.Fatal(err)
	}
	l.expectGap(invalidation.Silence)
	if err := l.sub.Err(); !errors.Is(err, invalidation.ErrNotFollowing) {
		t.Fatalf("state: %v", err)
	}
	if err := b.stack.Start(t.Context(), "nats"); err != nil {
		t.Fatal(err)
	}
	b.connect(b.stack.NATSURL)
	publisher, err := jetstream.New(b.connect(b.stack.NATSURL))
	if err != nil {
		t.Fatal(err)
	}
	b.js = publisher
	b.publish(event(1, 2))
	l.expect(event(1, 2))
	l.expectNothing() // one silence, one flush
}

// A server that keeps the connection and says nothing is noticed by its missing
// heartbeats.
func TestServerThatHangs(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	o := fromOldest
	o.Silence = time.Second
	l := newListener(t).listen(b.subscriber(), o)
	l.expectGap(invalidation.Began)
	if err := b.stack.Pause("nats"); err != nil {
		t.Fatal(err)
	}
	l.expectGap(invalidation.Silence)
	if err := b.stack.Resume("nats"); err != nil {
		t.Fatal(err)
	}
	b.publish(event(1, 1))
	l.expect(event(1, 1))
}
