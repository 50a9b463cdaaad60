package demo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"

	"tandem.example/pkg/invalidation"
)

// Listen is the other process: a service that imports the subscriber and prints
// what it hears. It says "listening" first.
func Listen(ctx context.Context, natsURL, caFile string, out io.Writer) error {
	nc, err := nats.Connect(natsURL, nats.RootCAs(caFile), nats.Name("demo"))
	if err != nil {
		return err
	}
	defer nc.Close()
	lines := json.NewEncoder(out)
	hear := func(_ context.Context, e invalidation.Event) error {
		c := e.Change
		lag := float64(time.Since(e.Time).Microseconds()) / 1000
		return lines.Encode(heard{c.Type, c.ID, string(c.Action), c.Version, lag})
	}
	options := invalidation.Options{
		Durable: "demo-" + rand.Text(), From: invalidation.FromNow, Expire: time.Hour,
		Flush: func(context.Context, invalidation.Gap) error { return nil }, // it keeps nothing
	}
	subscription, err := invalidation.Subscribe(ctx, nc, options, hear)
	if err != nil {
		return err
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for subscription.Err() != nil && ctx.Err() == nil {
		<-tick.C
	}
	if _, err := fmt.Fprintln(out, `"listening"`); err != nil {
		return err
	}
	<-ctx.Done()
	return subscription.Stop(context.WithoutCancel(ctx))
}
