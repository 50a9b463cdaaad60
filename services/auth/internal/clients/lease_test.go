package clients

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// desk is a store whose answers are written at once and take a while to arrive.
type desk struct {
	mu     sync.Mutex
	record Record
	err    error
	asked  int
	travel time.Duration
}

func (d *desk) set(change func(*Record)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.record)
}

func (d *desk) Put(context.Context, Record) error { return nil }

func (d *desk) Find(context.Context, string) (Record, error) {
	d.mu.Lock()
	d.asked++
	r, err, travel := d.record, d.err, d.travel
	d.mu.Unlock()
	<-time.After(travel)
	return r, err
}

func web() Record { return Record{Client: Client{ID: "web"}, Digest: Digest("secret")} }

func TestABusyClientCostsOneQueryPerLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &desk{record: web(), travel: 10 * time.Millisecond}
		r := NewRegistry(d)
		ask := func(many int) {
			var all sync.WaitGroup
			for range many {
				all.Go(func() {
					if _, err := r.Authenticate(t.Context(), "web", "secret"); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		}
		ask(100)
		<-time.After(leaseFor - 11*time.Millisecond) // counted from the question, not from the answer
		ask(100)
		if d.asked != 1 {
			t.Errorf("asked %d times within one lease", d.asked)
		}
		<-time.After(time.Millisecond)
		ask(100)
		if d.asked != 2 {
			t.Errorf("asked %d times over two leases", d.asked)
		}
	})
}

// Whatever the journey of an answer takes, nobody who comes after a change was
// acknowledged is served what was there before it.
func TestNoLeaseOutlivesAnAcknowledgedChange(t *testing.T) {
	t.Parallel()
	for _, travel := range []time.Duration{0, leaseFor / 2, leaseFor + clockOffset - 1, leaseFor + clockOffset, 5 * leaseFor} {
		synctest.Test(t, func(t *testing.T) {
			d := &desk{record: web(), travel: travel}
			r := NewRegistry(d)
			stop := make(chan struct{})
			var all sync.WaitGroup
			var mu sync.Mutex
			acknowledged := false
			all.Go(func() { // somebody always asks
				for tick := time.NewTicker(7 * time.Millisecond); ; {
					select {
					case <-stop:
						tick.Stop()
						return
					case <-tick.C:
					}
					all.Go(func() {
						mu.Lock()
						late := acknowledged
						mu.Unlock()
						if _, err := r.Authenticate(t.Context(), "web", "secret"); err == nil && late {
							t.Errorf("travel %s: the old secret was taken", travel)
						}
					})
				}
			})
			<-time.After(3 * time.Second)
			d.set(func(r *Record) { r.Digest = Digest("another") })
			if err := r.leases.outlive(t.Context()); err != nil {
				t.Error(err)
			}
			mu.Lock()
			acknowledged = true
			mu.Unlock()
			<-time.After(3 * time.Second)
			close(stop)
			all.Wait()
		})
	}
}

func TestAFailureIsNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &desk{err: ErrClient}
		r := NewRegistry(d)
		for _, err := range []error{ErrClient, errors.New("down")} {
			d.err = err
			if _, got := r.Authenticate(t.Context(), "web", "secret"); !errors.Is(got, err) {
				t.Errorf("%v, not %v", got, err)
			}
		}
		d.err, d.record = nil, web()
		if _, err := r.Authenticate(t.Context(), "web", "secret"); err != nil {
			t.Errorf("a client that was just made: %v", err)
		}
		// One who goes away leaves the others their answer.
		d.travel = time.Second
		<-time.After(leaseFor)
		hasty, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := r.Authenticate(hasty, "web", "secret"); err == nil || errors.Is(err, ErrClient) {
				t.Errorf("the hasty one: %v", err)
			}
		})
		synctest.Wait()
		if _, err := r.Authenticate(t.Context(), "web", "secret"); err != nil {
			t.Errorf("the patient one: %v", err)
		}
		all.Wait()
	})
}

func TestTheMemoryIsBounded(t *testing.T) {
	t.Parallel()
	l := newLeases(func(_ context.Context, id string) (Record, error) { return Record{Client: Client{ID: id}}, nil })
	for i := range maxLeases + 10 {
		if _, _, err := l.find(t.Context(), string(rune('a'+i%26))+time.Duration(i).String()); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.held) > maxLeases || len(l.loading) != 0 {
		t.Errorf("%d held, %d loading", len(l.held), len(l.loading))
	}
}

func TestOverlap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := web()
		r.Previous, r.Overlap = Digest("old"), 400*time.Millisecond // of the database's clock
		d := &desk{record: r, travel: 100 * time.Millisecond}
		registry := NewRegistry(d)
		for _, step := range []struct {
			wait time.Duration
			ok   bool
		}{{0, true}, {290 * time.Millisecond, true}, {10 * time.Millisecond, false}} {
			<-time.After(step.wait)
			if _, err := registry.Authenticate(t.Context(), "web", "old"); (err == nil) != step.ok {
				t.Errorf("the previous secret after %s more: %v", step.wait, err)
			}
			if _, err := registry.Authenticate(t.Context(), "web", "secret"); err != nil {
				t.Errorf("the secret: %v", err)
			}
		}
		if d.asked != 1 {
			t.Errorf("asked %d times", d.asked)
		}
	})
}
