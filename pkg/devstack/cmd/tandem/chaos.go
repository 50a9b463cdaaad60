package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"tandem.example/pkg/devstack/internal/chaos"
	"tandem.example/pkg/devstack/internal/pair"
)

// harm runs the campaign.
func harm(ctx context.Context, c pair.Config, beside func(string) string, args []string) error {
	flags := flag.NewFlagSet("tandem chaos", flag.ContinueOnError)
	flags.SetOutput(c.Out)
	o := chaos.Series{Config: chaos.Config{Pair: c}}
	flags.StringVar(&o.Pair.Authd, "authd", beside("authd-chaos"), "the auth service's `binary`, built with -tags chaos")
	flags.StringVar(&o.Pair.Resourcesd, "resourcesd", beside("resourcesd-chaos"), "the resources service's `binary`, built with -tags chaos")
	flags.StringVar(&o.Pair.RunDir, "dir", ".run/chaos", "the `directory` that says what runs")
	flags.StringVar(&o.Stories, "stories", ".bin/chaos", "the `directory` to write histories to that break the law")
	flags.StringVar(&o.Faults, "faults", "", "`words`, separated by commas, that the names of the wanted faults contain")
	flags.StringVar(&o.Crippled, "crippled", "", "the `part` of the cache to take away")
	flags.DurationVar(&o.Length, "length", time.Minute, "the `time` to do harm")
	flags.Uint64Var(&o.Seed, "seed", 0, "the `number` that faults are drawn by; 0 for another each time")
	flags.IntVar(&o.Clients, "clients", 24, "the `number` of clients at work")
	flags.IntVar(&o.Runs, "runs", 1, "the `number` of runs, with seeds that follow one another")
	flags.IntVar(&o.Answers, "answers", 0, "the `number` of operations to have answered, in up to twice as many runs")
	flags.IntVar(&o.Overlap, "overlap", 2, "the `number` of faults at a time")
	flags.StringVar(&o.Cripples, "cripples", "", "then see that a build without this `part` is caught, or all of them")
	file := flags.String("report", "", "the `file` to write the report to")
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
	if *file == "" {
		return o.Run(ctx, io.Discard)
	}
	var report bytes.Buffer
	err := o.Run(ctx, &report)
	return errors.Join(err, os.WriteFile(*file, report.Bytes(), 0o644)) //nolint:gosec // a document
}
