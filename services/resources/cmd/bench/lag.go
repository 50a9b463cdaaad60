package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"tandem.example/pkg/invalidation"
)

const (
	writers    = 8
	writeEvery = 40 * time.Millisecond // each: 200 writes a second together
	writeFor   = 10 * time.Second
)

// lag writes at a moderate rate and tells how long the events take to reach a
// durable subscriber: from the time of the write's statement, which is in the
// event, to the subscriber's handler. Both are read from this machine's clock.
func (w *world) lag(ctx context.Context, out io.Writer) (err error) {
	nc, err := nats.Connect(w.stack.NATSURL, nats.RootCAs(w.stack.CAFile))
	if err != nil {
		return err
	}
	defer nc.Close()
	var mu sync.Mutex // guards took
	var took []float64
	following := make(chan struct{}, 1)
	sub, err := invalidation.Subscribe(ctx, nc, invalidation.Options{
		Durable: "bench", Flush: func(context.Context, invalidation.Gap) error { return nil },
	}, func(_ context.Context, e invalidation.Event) error {
		mu.Lock()
		defer mu.Unlock()
		took = append(took, time.Since(e.Time).Seconds()*1000)
		select {
		case following <- struct{}{}:
		default:
		}
		return nil
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sub.Stop(context.WithoutCancel(ctx))) }()
	for begun := false; !begun; { // until the first event is heard
		if err := w.change(ctx, 0); err != nil {
			return err
		}
		select {
		case <-following:
			begun = true
		case <-time.After(time.Second):
		}
	}
	mu.Lock()
	took = nil
	mu.Unlock()
	sent, err := w.writeSteadily(ctx)
	if err != nil {
		return err
	}
	for deadline := time.After(20 * time.Second); ; {
		mu.Lock()
		heard := len(took)
		mu.Unlock()
		if heard >= sent {
			break
		}
		select {
		case <-deadline:
			return fmt.Errorf("%d of %d events were heard", heard, sent)
		case <-time.After(20 * time.Millisecond):
		}
	}
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(took)
	n := len(took)
	_, err = fmt.Fprintf(out, "events, from the write's statement to a durable subscriber, %d writes at %.0f/s\n\np50 %.1f ms, p99 %.1f ms, most %.1f ms\n\n",
		n, float64(writers)/writeEvery.Seconds(), took[n/2], took[n*99/100], took[n-1])
	return err
}

func (w *world) writeSteadily(ctx context.Context) (sent int, err error) {
	counts, errs := make([]int, writers), make([]error, writers)
	var all sync.WaitGroup
	for k := range writers {
		all.Go(func() {
			tick := time.NewTicker(writeEvery)
			defer tick.Stop()
			for end := time.After(writeFor); ; {
				select {
				case <-end:
					return
				case <-tick.C:
				}
				if errs[k] = w.change(ctx, k+writers*counts[k]%documents); errs[k] != nil {
					return
				}
				counts[k]++
			}
		})
	}
	all.Wait()
	for _, n := range counts {
		sent += n
	}
	return sent, errors.Join(errs...)
}

// change writes one document.
func (w *world) change(ctx context.Context, n int) error {
	status, _, err := w.ask(ctx, http.MethodPut, "/v1/resources/"+w.ids[n%documents], changed)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("PUT answered %d", status)
	}
	return err
}
