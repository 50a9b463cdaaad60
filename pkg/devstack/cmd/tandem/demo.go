package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
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
		return walk(ctx, c, file, self)
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
				return walk(ctx, c, file, self)
			}
		case err := <-ended:
			ended <- nil // for the deferred wait
			return errors.Join(errors.New("the pair did not start"), err)
		case <-limit.C:
			return fmt.Errorf("the pair was not ready within %s", readyWithin)
		}
	}
}

func walk(ctx context.Context, c pair.Config, file, self string) error {
	stack, err := demo.Read(file)
	if err != nil {
		return err
	}
	if err := demo.Run(ctx, stack, []string{self, "listen"}, os.Stdout); err != nil {
		return err
	}
	return installation(ctx, c.Resourcesd, stack)
}

// installation is the check that comes with the services (helm test), which must
// find nothing wrong here either.
func installation(ctx context.Context, resourcesd string, stack demo.Stack) error {
	_, _ = fmt.Fprintln(os.Stdout, "\nresourcesd journey")
	cmd := exec.CommandContext(ctx, resourcesd, "journey")
	cmd.Env = []string{
		"AUTH_URL=" + stack["AUTH_URL"], "RESOURCES_URL=" + stack["RESOURCES_URL"], "JOURNEY_CA_FILE=" + stack["CA_FILE"],
		"JOURNEY_CLIENT_ID=" + stack["DEMO_CLIENT_ID"], "JOURNEY_CLIENT_SECRET=" + stack["DEMO_CLIENT_SECRET"],
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("resourcesd journey: %w", err)
	}
	return nil
}

// listen is the demo's other process.
func listen(ctx context.Context) error {
	url, _ := os.LookupEnv("NATS_URL")    //nolint:forbidigo // its whole environment is these two
	ca, _ := os.LookupEnv("NATS_CA_FILE") //nolint:forbidigo // likewise
	return demo.Listen(ctx, url, ca, os.Stdout)
}
