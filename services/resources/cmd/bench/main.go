// Command bench measures the authorised cached read of the resources service
// against a bare handler that checks the same token and makes the same round
// trip to Redis.
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
	o.Flags(flag.CommandLine)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *service, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // nothing is deferred that matters
	}
}
