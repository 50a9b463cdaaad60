package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"time"

	"tandem.example/pkg/devstack/internal/chaos"
	"tandem.example/pkg/devstack/internal/pair"
)

var errViolated = errors.New("there are violations")

// harm runs the campaign.
func harm(ctx context.Context, c pair.Config, beside func(string) string, args []string) error {
	flags := flag.NewFlagSet("tandem chaos", flag.ContinueOnError)
	flags.SetOutput(c.Out)
	o := chaos.Config{Pair: c}
	flags.StringVar(&o.Pair.Authd, "authd", beside("authd-chaos"), "the auth service's `binary`, built with -tags chaos")
	flags.StringVar(&o.Pair.Resourcesd, "resourcesd", beside("resourcesd-chaos"), "the resources service's `binary`, built with -tags chaos")
	flags.StringVar(&o.Pair.RunDir, "dir", ".run/chaos", "the `directory` that says what runs")
	flags.StringVar(&o.Stories, "stories", ".bin/chaos", "the `directory` to write histories to that break the law")
	flags.StringVar(&o.Faults, "faults", "", "`words`, separated by commas, that the names of the wanted faults contain")
	flags.StringVar(&o.Crippled, "crippled", "", "the `part` of the cache to take away")
	flags.DurationVar(&o.Length, "length", time.Minute, "the `time` to do harm")
	flags.Uint64Var(&o.Seed, "seed", 0, "the `number` that faults are drawn by; 0 for another each time")
	flags.IntVar(&o.Clients, "clients", 24, "the `number` of clients at work")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil || flags.NArg() > 0 {
		return errUsage
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64N(1 << 32) //nolint:gosec // a choice, not a secret
	}
	if err := pair.Prepare(ctx, o.Pair); err != nil {
		return err
	}
	result, err := chaos.Run(ctx, o)
	if err != nil {
		return err
	}
	if err := result.Write(c.Out); err != nil {
		return err
	}
	if result.Findings.Violations() > 0 {
		return fmt.Errorf("%w: seed %d", errViolated, o.Seed)
	}
	return nil
}
