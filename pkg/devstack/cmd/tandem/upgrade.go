package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tandem.example/pkg/devstack/internal/chaos"
	"tandem.example/pkg/devstack/internal/pair"
	"tandem.example/pkg/devstack/internal/upgrade"
)

// update replaces the release before by these binaries, these by those of a next
// release, and goes back again.
func update(ctx context.Context, c pair.Config, beside func(string) string, args []string) (err error) {
	flags := flag.NewFlagSet("tandem upgrade", flag.ContinueOnError)
	flags.SetOutput(c.Out)
	o := chaos.Config{Pair: c}
	this := chaos.Release{Name: "this"}
	flags.StringVar(&this.Authd, "authd", beside("authd"), "the auth service's `binary`")
	flags.StringVar(&this.Resourcesd, "resourcesd", beside("resourcesd"), "the resources service's `binary`")
	flags.StringVar(&o.Pair.RunDir, "dir", ".run/upgrade", "the `directory` that says what runs")
	flags.StringVar(&o.Stories, "stories", ".bin/upgrade", "the `directory` to write histories to that break the law")
	flags.IntVar(&o.Clients, "clients", 6, "the `number` of clients at work")
	flags.Uint64Var(&o.Seed, "seed", 0, "the `number` that clients draw by; 0 for another each time")
	from := flags.String("from", "", "the `revision` to come from; the newest tag v* before this one if it is empty")
	tree := flags.String("tree", ".", "the `directory` of the source of these binaries")
	mistake := flags.String("mistake", "", "have the next release do something wrong: "+strings.Join(upgrade.Mistakes(), ", "))
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil || flags.NArg() > 0 {
		return errUsage
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64N(1 << 32) //nolint:gosec // a choice, not a secret
	}
	dir, err := os.MkdirTemp("", "upgrade-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	before, after, err := build(ctx, c, dir, *tree, *from, *mistake)
	if err != nil {
		return err
	}
	if err := pair.Prepare(ctx, o.Pair); err != nil {
		return err
	}
	result, err := chaos.Update(ctx, o, []chaos.Release{before, this, after, this, before})
	if err != nil {
		return err
	}
	return errors.Join(result.WriteUpdate(c.Out), result.Findings.Verdict())
}

// build makes the release before and the next one.
func build(ctx context.Context, c pair.Config, dir, tree, from, mistake string) (before, after chaos.Release, err error) {
	began := time.Now()
	if from == "" {
		if from, err = upgrade.Previous(ctx, tree); err != nil {
			return before, after, err
		}
	}
	release := func(name, source, version, overlay string) (chaos.Release, error) {
		out := filepath.Join(dir, name)
		err := upgrade.Build(ctx, source, out, version, overlay)
		return chaos.Release{Name: name, Authd: filepath.Join(out, "authd"), Resourcesd: filepath.Join(out, "resourcesd")}, err
	}
	source := filepath.Join(dir, "source")
	if err := upgrade.Checkout(ctx, tree, from, source); err != nil {
		return before, after, err
	}
	if before, err = release("before", source, from, ""); err != nil {
		return before, after, err
	}
	overlay, err := upgrade.Next(tree, dir, mistake)
	if err != nil {
		return before, after, err
	}
	after, err = release("after", tree, "next", overlay)
	_, _ = fmt.Fprintf(c.Out, "upgrade: built %s and a next release in %.1f s\n", from, time.Since(began).Seconds()) // a console that is gone is no reason to stop
	return before, after, err
}
