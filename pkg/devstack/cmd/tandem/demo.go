package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tandem.example/pkg/devstack/internal/demo"
	"tandem.example/pkg/devstack/internal/pair"
)

const readyWithin = 2 * time.Minute

// journey walks through the pair that runs, or through one of its own.
func journey(ctx context.Context, c pair.Config, self string) (err error) {
	file := filepath.Join(c.RunDir, "stack.env")
	if _, missing := os.Stat(file); missing == nil {
		return walk(ctx, file, self)
	}
	if err := pair.Prepare(ctx, c); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- pair.Run(ctx, c) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ended)
	}()
	limit := time.NewTimer(readyWithin)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if _, missing := os.Stat(file); missing == nil {
				return walk(ctx, file, self)
			}
		case err := <-ended:
			ended <- nil // for the deferred wait
			return errors.Join(errors.New("the pair did not start"), err)
		case <-limit.C:
			return fmt.Errorf("the pair was not ready within %s", readyWithin)
		}
	}
}

func walk(ctx context.Context, file, self string) error {
	stack, err := demo.Read(file)
	if err != nil {
		return err
	}
	return demo.Run(ctx, stack, []string{self, "listen"}, os.Stdout)
}

// listen is the demo's other process.
func listen(ctx context.Context) error {
	url, _ := os.LookupEnv("NATS_URL")    //nolint:forbidigo // its whole environment is these two
	ca, _ := os.LookupEnv("NATS_CA_FILE") //nolint:forbidigo // likewise
	return demo.Listen(ctx, url, ca, os.Stdout)
}
