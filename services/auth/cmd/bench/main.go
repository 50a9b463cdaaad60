// Command bench measures what the auth service does most: introspection and
// forward authentication, each against a bare handler that checks the same token
// and makes the same round trip to Redis, and the trade of refresh tokens against
// the token endpoint of oidc-provider, which keeps its tokens in its own memory.
// Then what a session costs: to revoke it among few and among many others, and in
// memory of Redis.
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
	service := flag.String("authd", ".bin/authd", "the service's binary")
	other := flag.String("other", "services/auth/test/oidc-provider", "where oidc-provider's server lies")
	o.Flags(flag.CommandLine)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *service, *other, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // nothing is deferred that matters
	}
}
