// Command bench measures the authorised cached read of the resources service
// against a bare handler that checks the same token and makes the same round
// trip to Redis.
//
// Both sides are processes of their own, asked by the same client over plain
// HTTP, as behind a gateway, in turns, so that a machine that changes its speed
// does so for both. What counts is the ratio.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"tandem.example/pkg/devstack"
)

func main() {
	devstack.Child()
	if child() {
		return
	}
	var o options
	flag.StringVar(&o.service, "resourcesd", ".bin/resourcesd", "the service's binary")
	flag.IntVar(&o.connections, "connections", 32, "keep-alive connections that ask at once")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds; in each both are measured, one after the other")
	flag.DurationVar(&o.round, "round", 3*time.Second, "length of one measurement")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // nothing is deferred that matters
	}
}
