package invalidation_test

import (
	"context"
	"testing"
	"time"

	"tandem.example/pkg/invalidation"
)

// behind is what CaughtUp says within a moment.
func (l *listener) behind() error {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 300*time.Millisecond)
	defer cancel()
	return l.sub.CaughtUp(ctx)
}

func (l *listener) caughtUp() {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	if err := l.sub.CaughtUp(ctx); err != nil {
		l.t.Fatal(err)
	}
}

func TestCaughtUpMeansThatAllIsHandled(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	l := newListener(t).listen(b.subscriber(), fromOldest)
	l.expectGap(invalidation.Began)
	l.caughtUp() // with nothing
	for round := range int64(10) {
		for s := range 30 {
			b.publish(event(s, round+1))
		}
		l.caughtUp()
		if n := len(l.events); n != 30*int(round+1) {
			t.Fatalf("%d handled after %d were stored", n, 30*(round+1))
		}
	}
}

func TestWhatIsForOthersIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	o := fromOldest
	o.Types = []string{"order"}
	l := newListener(t).listen(b.subscriber(), o)
	l.expectGap(invalidation.Began)
	b.publish(event(1, 1), event(2, 1))
	l.caughtUp()
	l.expectNothing()
}

func TestNotCaughtUpWhileAnEventWaits(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	l := newListener(t)
	l.fail[event(1, 1).ID] = 1 << 30
	o := fromOldest
	o.Check = 50 * time.Millisecond
	l.listen(b.subscriber(), o)
	l.expectGap(invalidation.Began)
	b.publish(event(1, 1), event(2, 1))
	l.expect(event(2, 1))
	if l.behind() == nil {
		t.Error("while an event waits")
	}
	l.mend(event(1, 1))
	l.caughtUp()
	l.expect(event(1, 1))
}

func TestNotCaughtUpWithoutAStreamOrAServer(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	l := newListener(t).listen(b.subscriber(), fromOldest)
	l.expectGap(invalidation.Began)
	l.caughtUp()
	b.remove()
	if l.behind() == nil {
		t.Error("without a stream")
	}
	b.create()
	b.publish(event(1, 1))
	l.caughtUp() // it is another stream, so what it had is handled once it is followed
	l.expectGap(invalidation.Recreated)
	if err := b.stack.Kill("nats"); err != nil {
		t.Fatal(err)
	}
	if l.behind() == nil {
		t.Error("without a server")
	}
}

// What is gone from the stream before it came is never taken for handled: it is
// told as a gap first.
func TestNotCaughtUpBeforeAGapIsTold(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	l := newListener(t)
	l.fail[event(1, 1).ID] = 1 << 30
	l.listen(b.subscriber(), fromOldest)
	l.expectGap(invalidation.Began)
	b.publish(event(1, 1))
	l.failed(1)
	b.purge(0)
	l.caughtUp()
	l.expectGap(invalidation.Lost)
}
