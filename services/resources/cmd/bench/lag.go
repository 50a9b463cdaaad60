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
		took = append(took, milliseconds(time.Since(e.Time)))
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
	answered, err := w.writeSteadily(ctx)
	if err != nil {
		return err
	}
	for deadline := time.After(20 * time.Second); ; {
		mu.Lock()
		heard := len(took)
		mu.Unlock()
		if heard >= len(answered) {
			break
		}
		select {
		case <-deadline:
			return fmt.Errorf("%d of %d events were heard", heard, len(answered))
		case <-time.After(20 * time.Millisecond):
		}
	}
	mu.Lock()
	defer mu.Unlock()
	_, err = fmt.Fprintf(out, "events, %d writes at %.0f/s\n\n%-36s %10s %10s %10s\n", len(took), float64(writers)/writeEvery.Seconds(), "ms", "p50", "p99", "most")
	for _, line := range []struct {
		name string
		all  []float64
	}{{"statement to durable subscriber", took}, {"the write's own answer, beside it", answered}} {
		slices.Sort(line.all)
		n := len(line.all)
		if err == nil {
			_, err = fmt.Fprintf(out, "%-36s %10.1f %10.1f %10.1f\n", line.name, line.all[n/2], line.all[n*99/100], line.all[n-1])
		}
	}
	_, last := fmt.Fprintln(out)
	return errors.Join(err, last)
}

// writeSteadily returns how long each answer took, in milliseconds.
func (w *world) writeSteadily(ctx context.Context) (answered []float64, err error) {
	took, errs := make([][]float64, writers), make([]error, writers)
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
				begin := time.Now()
				if errs[k] = w.change(ctx, k+writers*len(took[k])); errs[k] != nil {
					return
				}
				took[k] = append(took[k], milliseconds(time.Since(begin)))
			}
		})
	}
	all.Wait()
	return slices.Concat(took...), errors.Join(errs...)
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// change writes one document.
func (w *world) change(ctx context.Context, n int) error {
	status, _, err := w.ask(ctx, http.MethodPut, "/v1/resources/"+w.ids[n%documents], changed)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("PUT answered %d", status)
	}
	return err
}
