// Command bench measures the resources service: its authorised cached read against
// a bare handler that checks the same token and makes the same round trip to
// Redis; what a write costs; its cache against plain cache-aside under the same
// load; a herd of readers on a cold key; and how late its events are.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/bench"
)

func main() {
	devstack.Child()
	if child() {
		return
	}
	var o bench.Options
	service := flag.String("resourcesd", ".bin/resourcesd", "the service's binary")
	only := flag.String("only", "", "part of the name of what to measure: hit, trips, caches, herd, events")
	o.Flags(flag.CommandLine)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *service, *only, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // nothing is deferred that matters
	}
}
