package audit

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

var errDown = errors.New("down")

// basin is a sink that can be shut, or be slow.
type basin struct {
	mu    sync.Mutex // guards all
	shut  bool
	slow  time.Duration
	got   []Event
	calls int
}

func (b *basin) Store(ctx context.Context, events []Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	if b.slow > 0 {
		select {
		case <-time.After(b.slow):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if b.shut {
		return errDown
	}
	b.got = append(b.got, events...)
	return nil
}

func (b *basin) set(shut bool, slow time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shut, b.slow = shut, slow
}

func (b *basin) called() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls
}

func (b *basin) ids() (ids []uuid.UUID, dropped int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.got {
		if e.Type != Dropped {
			ids = append(ids, e.ID)
			continue
		}
		n, _ := strconv.Atoi(e.Detail["count"])
		dropped += n
	}
	return ids, dropped
}

func newBatch(sink Sink) (*Batch, *observer.ObservedLogs) {
	core, lines := observer.New(zapcore.WarnLevel)
	return NewBatch(sink, zap.New(core), prometheus.NewRegistry()), lines
}

func add(ctx context.Context, b *Batch, n int) (ids []uuid.UUID) {
	for range n {
		e := New(ctx, Event{Type: TokenRefresh})
		b.Add(e)
		ids = append(ids, e.ID)
	}
	return ids
}

// pass lets a bubble's time go on.
func pass(d time.Duration) { <-time.After(d) }

func stop(t *testing.T, b *Batch) {
	t.Helper()
	if err := b.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func TestABatchIsWrittenInTimeAndInPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sink := &basin{}
		b, _ := newBatch(sink)
		b.Start()
		want := add(t.Context(), b, 3)
		pass(batchEvery)
		synctest.Wait()
		if got, _ := sink.ids(); !slices.Equal(got, want) {
			t.Errorf("after the time %d of %d are written", len(got), len(want))
		}
		want = append(want, add(t.Context(), b, batchPage)...)
		synctest.Wait() // not for the time
		if got, _ := sink.ids(); !slices.Equal(got, want) || sink.called() != 2 {
			t.Errorf("at a page %d of %d are written, in %d calls", len(got), len(want), sink.called())
		}
		stop(t, b)
	})
}

// A database that is away costs a bounded amount of memory, nobody's time, and
// what is lost is known: in the metric, in a line of the log, and in the log of
// events itself.
func TestASVS_16_5_2_ADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sink := &basin{shut: true}
		b, lines := newBatch(sink)
		b.Start()
		begun := time.Now()
		want := add(t.Context(), b, batchRoom+100)[:batchRoom]
		if time.Since(begun) != 0 {
			t.Error("somebody has waited")
		}
		if b.Waiting() != batchRoom || testutil.ToFloat64(b.dropped) != 100 {
			t.Errorf("%d wait, %v are dropped", b.Waiting(), testutil.ToFloat64(b.dropped))
		}
		pass(time.Minute)
		if sink.called() > 20 {
			t.Errorf("%d attempts in a minute", sink.called())
		}
		sink.set(false, 0)
		pass(batchPause + batchEvery)
		synctest.Wait()
		got, dropped := sink.ids()
		if !slices.Equal(got, want) || dropped != 100 {
			t.Errorf("%d of %d are written, %d said to be dropped", len(got), len(want), dropped)
		}
		if lines.FilterMessage("audit events dropped").Len() != 1 || lines.FilterMessage("audit events wait for the database").Len() != 1 {
			t.Errorf("the log says %v", lines.All())
		}
		more := add(t.Context(), b, 1)
		pass(batchEvery)
		synctest.Wait()
		if got, dropped := sink.ids(); !slices.Equal(got, append(want, more...)) || dropped != 100 {
			t.Errorf("afterwards %d are written, %d said to be dropped", len(got), dropped)
		}
		stop(t, b)
	})
}

func TestASlowDatabaseBlocksNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sink := &basin{slow: 3 * time.Second}
		b, _ := newBatch(sink)
		b.Start()
		want := add(t.Context(), b, 1)
		pass(batchEvery + time.Second) // in the middle of a call
		begun := time.Now()
		want = append(want, add(t.Context(), b, 5)...)
		if time.Since(begun) != 0 {
			t.Error("somebody has waited")
		}
		pass(10 * time.Second)
		synctest.Wait()
		if got, _ := sink.ids(); !slices.Equal(got, want) {
			t.Errorf("%d of %d are written", len(got), len(want))
		}
		stop(t, b)
	})
}

func TestStopWritesTheRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sink := &basin{}
		b, _ := newBatch(sink)
		b.Start()
		want := add(t.Context(), b, 700)
		stop(t, b)
		if got, _ := sink.ids(); !slices.Equal(got, want) {
			t.Errorf("%d of %d are written", len(got), len(want))
		}
	})
}

// A database that does not come back does not keep the process.
func TestASVS_16_5_3_StopGivesUpInTime(t *testing.T) {
	t.Parallel()
	for name, sink := range map[string]*basin{"refuses": {shut: true}, "hangs": {slow: time.Hour}} {
		synctest.Test(t, func(t *testing.T) {
			b, lines := newBatch(sink)
			b.Start()
			add(t.Context(), b, 10)
			begun := time.Now()
			stop(t, b)
			if took := time.Since(begun); took > stopWithin+batchEvery {
				t.Errorf("%s: it took %s", name, took)
			}
			if testutil.ToFloat64(b.dropped) != 10 || lines.FilterMessage("audit events lost at stop").Len() != 1 {
				t.Errorf("%s: nobody is told", name)
			}
		})
	}
}

func TestABatchThatWasNeverStarted(t *testing.T) {
	t.Parallel()
	b, _ := newBatch(&basin{})
	stop(t, b)
}

// Whoever hammers at the door does not fill the log.
func TestRefusalsThatAreAlikeAreOneEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sink := &basin{}
		b, _ := newBatch(sink)
		refusal := func(address, grant string) Event {
			e := New(t.Context(), Event{Type: TokenIssue, Reason: "rate_limited", ClientID: "c", Detail: map[string]string{"grant": grant}})
			e.Address = address
			return e
		}
		var first uuid.UUID
		for i := range 2 * batchRoom {
			e := refusal("2001:db8::"+strconv.FormatInt(int64(i%65536), 16), "password")
			if i == 0 {
				first = e.ID
			}
			b.Add(e)
		}
		b.Add(refusal("2001:db8:0:1::1", "password")) // another network
		b.Add(refusal("2001:db8::1", "refresh_token"))
		add(t.Context(), b, 2) // no refusals
		b.Start()
		pass(batchEvery)
		synctest.Wait()
		if len(sink.got) != 5 || sink.got[0].ID != first || sink.got[0].Detail["repeats"] != strconv.Itoa(2*batchRoom-1) ||
			sink.got[0].Detail["grant"] != "password" || testutil.ToFloat64(b.dropped) != 0 {
			t.Errorf("%d events: %+v", len(sink.got), sink.got)
		}
		b.Add(refusal("2001:db8::1", "password")) // the one before is written
		stop(t, b)
		if len(sink.got) != 6 || len(b.alike) != 0 {
			t.Errorf("%d events", len(sink.got))
		}
	})
}
