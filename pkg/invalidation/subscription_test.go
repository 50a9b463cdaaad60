package invalidation_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tandem.example/pkg/invalidation"
)

var fromOldest = invalidation.Options{From: invalidation.FromOldest}

func TestEveryEventArrivesInOrder(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	const subjects, each = 20, 100
	for v := range int64(each) {
		for s := range subjects {
			b.publish(event(s, v+1))
		}
	}
	l := newListener(t).listen(b.subscriber(), fromOldest)
	l.expectGap(invalidation.Began)
	last := map[string]int64{}
	for range subjects * each {
		c := l.next().Change
		if c.Version != last[c.ID]+1 {
			t.Fatalf("%s: version %d after %d", c.ID, c.Version, last[c.ID])
		}
		last[c.ID] = c.Version
	}
	l.stop()
	l.expectNothing()
}

func TestJoinsLate(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.publish(event(1, 1), event(1, 2))
	l := newListener(t).listen(b.subscriber(), invalidation.Options{})
	l.expectGap(invalidation.Began)
	b.publish(event(1, 3))
	l.expect(event(1, 3))
	l.expectNothing()
}

func TestHearsOnlyOfItsTypes(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	other := event(1, 1)
	other.Change.Type, other.ID = "order", "order-1"
	o := fromOldest
	o.Types = []string{"order", "order"}
	l := newListener(t).listen(b.subscriber(), o)
	b.publish(event(1, 1), other)
	l.expect(other)
	l.stop()
	// A wider filter than before: of what was not heard nothing is known.
	l = newListener(t).listen(b.subscriber(), fromOldest)
	l.expectGap(invalidation.Began)
}

func TestRestartGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	l := newListener(t).listen(b.subscriber(), fromOldest)
	l.expectGap(invalidation.Began)
	b.publish(event(1, 1))
	l.expect(event(1, 1))
	l.stop()
	b.publish(event(1, 2), event(1, 3))
	l = newListener(t).listen(b.subscriber(), fromOldest)
	l.expect(event(1, 2), event(1, 3))
	l.expectNothing()
}

// A process that dies holds events that the server would deliver again only
// after AckWait, behind newer ones.
func TestCrashDeliversAgainInOrderAtOnce(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	l := newListener(t)
	l.fail[event(1, 2).ID] = 1 << 30
	nc := b.subscriber()
	l.listen(nc, fromOldest)
	b.publish(event(1, 1), event(1, 2), event(1, 3), event(2, 1))
	l.expect(event(1, 1), event(2, 1))
	nc.Close()
	b.publish(event(1, 4))
	next := newListener(t).listen(b.subscriber(), fromOldest)
	for _, want := range []int64{2, 3, 4} {
		got := next.next()
		if got.Change.ID == "r2" { // above what was acknowledged without a gap
			got = next.next()
		}
		if got.Change.Version != want {
			t.Fatalf("got version %d, want %d", got.Change.Version, want)
		}
	}
}

func TestAFailingResourceWaitsAloneAndInOrder(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	l := newListener(t)
	l.fail[event(1, 1).ID] = 4
	b.publish(event(1, 1), event(1, 2), event(2, 1), event(2, 2))
	l.listen(b.subscriber(), fromOldest)
	l.expect(event(2, 1), event(2, 2), event(1, 1), event(1, 2))
	l.stop()
	l = newListener(t).listen(b.subscriber(), fromOldest)
	b.publish(event(3, 1))
	l.expect(event(3, 1)) // the rest was acknowledged
}

func TestRepeatsAreDropped(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.publish(event(1, 5), event(1, 5), event(1, 4), event(1, 6), event(1, 5))
	l := newListener(t).listen(b.subscriber(), fromOldest)
	l.expect(event(1, 5), event(1, 6))
	b.publish(event(2, 1))
	l.expect(event(2, 1))
}

// Somebody names a version too high, and one that was there already: both are
// heard, and neither hides what is announced later.
func TestAnEventMadeByHandIsAlwaysHeard(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	l := newListener(t).listen(b.subscriber(), fromOldest)
	l.expectGap(invalidation.Began)
	b.publish(event(1, 5))
	high, low := event(1, math.MaxInt64), event(1, 5)
	high.ID, low.ID = "by-hand-1", "by-hand-2"
	b.raw(low.Change.Subject(), encode(t, low))
	b.raw(high.Change.Subject(), encode(t, high))
	b.publish(event(1, 5), event(1, 6))
	l.expect(event(1, 5), low, high, event(1, 6))
	l.expectNothing()
}

// Events that nobody can handle keep the server from delivering any more than it
// may have in flight.
func TestNoMoreIsDeliveredThanMayBeInFlight(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	l := newListener(t)
	o := fromOldest
	o.InFlight = 3
	for s := range o.InFlight {
		l.fail[event(s, 1).ID] = 1 << 30
		b.publish(event(s, 1))
	}
	b.publish(event(9, 1))
	l.listen(b.subscriber(), o)
	l.expectGap(invalidation.Began)
	l.failed(o.InFlight * 2) // each came again, and nothing else came
	l.expectNothing()
	l.mend(event(1, 1))
	l.expect(event(1, 1), event(9, 1))
}

// A process that stays away too long is forgotten by the server, and knows it.
func TestTheServerForgetsWhoIsAwayTooLong(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	o := fromOldest
	o.Expire = time.Second
	l := newListener(t).listen(b.subscriber(), o)
	l.expectGap(invalidation.Began)
	l.stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; {
		_, err := b.js.Consumer(t.Context(), invalidation.Stream, "listener")
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			break
		}
		if <-tick.C; time.Now().After(deadline) {
			t.Fatalf("the consumer is still there: %v", err)
		}
	}
	l = newListener(t).listen(b.subscriber(), o)
	l.expectGap(invalidation.Began)
}

func TestUnreadableEventIsSetAsideWithAFlush(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.publish(event(1, 1))
	b.raw("invoice.r1", []byte("{}"))
	b.publish(event(1, 2))
	l := newListener(t).listen(b.subscriber(), fromOldest)
	l.expectGap(invalidation.Began)
	l.expect(event(1, 1))
	l.expectGap(invalidation.Unreadable)
	l.expect(event(1, 2))
	l.expectNothing()
}

func TestFlushIsRepeatedBeforeAnyEvent(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	l := newListener(t)
	l.bad = 3
	b.publish(event(1, 1))
	l.listen(b.subscriber(), fromOldest)
	l.expect(event(1, 1))
	if len(l.gaps) != 1 {
		t.Fatal("an event came before the flush had worked")
	}
}

func TestStopWaitsForTheHandlerUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.publish(event(1, 1))
	entered, ended := make(chan struct{}), make(chan error, 1)
	o := fromOldest
	o.Durable, o.Flush = "slow", func(context.Context, invalidation.Gap) error { return nil }
	sub, err := invalidation.Subscribe(t.Context(), b.subscriber(), o, func(ctx context.Context, _ invalidation.Event) error {
		close(entered)
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := sub.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("stop: %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatalf("the handler's context: %v", err)
	}
	if err := sub.Err(); !errors.Is(err, invalidation.ErrNotFollowing) {
		t.Fatalf("state after stop: %v", err)
	}
	l := newListener(t).listen(b.subscriber(), invalidation.Options{Durable: "slow"})
	l.expect(event(1, 1))
}

func TestHandlerSeesTheHeaders(t *testing.T) {
	t.Parallel()
	type key struct{}
	b := newBus(t)
	got := make(chan any, 1)
	o := fromOldest
	o.Durable, o.Flush = "traced", func(context.Context, invalidation.Gap) error { return nil }
	o.Context = func(ctx context.Context, h nats.Header) context.Context {
		return context.WithValue(ctx, key{}, h.Get("traceparent"))
	}
	sub, err := invalidation.Subscribe(t.Context(), b.subscriber(), o, func(ctx context.Context, _ invalidation.Event) error {
		got <- ctx.Value(key{})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	msg := nats.NewMsg(invalidation.Address("invoice.r1"))
	msg.Data = encode(t, event(1, 1))
	msg.Header.Set("traceparent", "00-1")
	if _, err := b.js.PublishMsg(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	if v := <-got; v != "00-1" {
		t.Fatalf("got %v", v)
	}
	if err := sub.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestSubscribeRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	flush := func(context.Context, invalidation.Gap) error { return nil }
	handler := func(context.Context, invalidation.Event) error { return nil }
	for name, o := range map[string]invalidation.Options{
		"no durable":  {Flush: flush},
		"bad durable": {Flush: flush, Durable: "a.b"},
		"no flush":    {Durable: "a"},
		"bad type":    {Flush: flush, Durable: "a", Types: []string{"*"}},
	} {
		if _, err := invalidation.Subscribe(t.Context(), nil, o, handler); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := invalidation.Subscribe(t.Context(), nil, invalidation.Options{Durable: "a", Flush: flush}, nil); err == nil {
		t.Error("no handler: accepted")
	}
}
