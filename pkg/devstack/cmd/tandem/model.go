package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tandem.example/pkg/devstack/internal/model"
	"tandem.example/pkg/devstack/internal/pair"
)

// checkModels runs the models through Spin.
func checkModels(ctx context.Context, c pair.Config, args []string) error {
	flags := flag.NewFlagSet("tandem model", flag.ContinueOnError)
	flags.SetOutput(c.Out)
	dir := flags.String("models", "docs/model", "the `directory` of the models and runs.txt")
	stories := flags.String("stories", ".bin/model", "the `directory` to write counterexamples to")
	large := flags.Bool("large", false, "the larger bounds, too")
	only := flags.String("only", "", "those alone whose `name`, such as core-no-lease, contains this")
	limit := flags.Duration("limit", 5*time.Minute, "the `time` that all runs may take")
	memory := flags.Int("memory", 4096, "the `megabytes` that all runs may take")
	jobs := flags.Int("jobs", 2, "the `number` of runs at a time")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil || flags.NArg() > 0 || *jobs < 1 {
		return errUsage
	}
	if err := pair.PrepareModels(ctx, c); err != nil {
		return err
	}
	list, err := os.Open(filepath.Join(*dir, "runs.txt"))
	if err != nil {
		return err
	}
	defer func() { _ = list.Close() }()
	runs, err := model.ParseRuns(list)
	if err != nil {
		return err
	}
	chosen := runs[:0]
	for _, r := range runs {
		if (*large || !r.Large) && strings.Contains(r.Name(), *only) {
			chosen = append(chosen, r)
		}
	}
	if err := os.MkdirAll(*stories, 0o750); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(c.Out, "limits: %s and %d MB for %d runs, %d at a time; violations are told in %s\n",
		*limit, *memory, len(chosen), *jobs, *stories)
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	spin := model.Spin{Models: *dir, Stories: *stories, Memory: *memory / *jobs}
	return model.Table(ctx, c.Out, spin, chosen, *jobs)
}
