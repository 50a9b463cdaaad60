// Package daemon is the frame of a service's program: its commands, what it says
// of a wrong configuration, and its exit codes.
//
// It promises that a program which cannot start as it was configured says
// everything that is wrong in one list and exits with 2, and that one which was
// asked to stop ends in order within its grace period.
package daemon

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/fx"

	"tandem.example/pkg/env"
	"tandem.example/pkg/telemetry"
)

// The exit codes.
const (
	ok       = 0
	failed   = 1
	mistaken = 2 // the command line or the environment
)

const (
	startWithin = 15 * time.Second
	stopWithin  = 45 * time.Second // longer than the longest request and the drain
)

// Program is a service as its command line knows it. Both functions read their
// configuration with Lookup and return the mistakes in it as their error, before
// anything else is done.
type Program struct {
	Name    string
	Run     func(Lookup) (fx.Option, error)
	Migrate func(Lookup) (func(context.Context) error, error)
}

// Lookup reads one environment variable; [os.LookupEnv] is one.
type Lookup = func(string) (string, bool)

// New makes the program of a service that is configured by a C.
func New[C any](name, version string, service func(cfg C, version string) fx.Option, schema Schema) Program {
	return Program{
		Name: name,
		Run: func(get Lookup) (fx.Option, error) {
			cfg, err := env.Load[C](get)
			return service(cfg, version), err
		},
		Migrate: func(get Lookup) (func(context.Context) error, error) {
			cfg, err := env.Load[SchemaConfig](get)
			log := telemetry.NewLogger(cfg.Telemetry, telemetry.Service{Name: name, Version: version, Region: cfg.App.Region}, os.Stderr)
			return func(ctx context.Context) error { return schema.Apply(ctx, cfg, log) }, err
		},
	}
}

// Main performs the command in args, the program's own name left out, and
// returns the exit code.
func (p Program) Main(args []string, out io.Writer) int {
	command := "run"
	if len(args) > 0 {
		command = args[0]
	}
	if len(args) > 1 {
		command = ""
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch command {
	case "run":
		return p.serve(ctx, out)
	case "migrate":
		return p.bring(ctx, out)
	default:
		say(out, "usage: %s [run | migrate]", p.Name)
		return mistaken
	}
}

func (p Program) serve(ctx context.Context, out io.Writer) int {
	options, err := p.Run(os.LookupEnv) //nolint:forbidigo // the one place where a program reads its environment //nolint:forbidigo // the one place that hands the environment to the configuration
	if err != nil {
		say(out, "%s: %v", p.Name, err)
		return mistaken
	}
	app := fx.New(options, fx.StartTimeout(startWithin), fx.StopTimeout(stopWithin))
	if err := start(ctx, app); err != nil {
		say(out, "%s: start: %v", p.Name, err)
		return failed
	}
	code := ok
	select {
	case <-ctx.Done():
	case end := <-app.Wait(): // a part of the program gave up
		code = end.ExitCode
	}
	stopping, cancel := context.WithTimeout(context.Background(), app.StopTimeout())
	defer cancel()
	if err := app.Stop(stopping); err != nil {
		say(out, "%s: stop: %v", p.Name, err)
		return failed
	}
	return code
}

func start(ctx context.Context, app *fx.App) error {
	if err := app.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, app.StartTimeout())
	defer cancel()
	return app.Start(ctx)
}

func (p Program) bring(ctx context.Context, out io.Writer) int {
	work, err := p.Migrate(os.LookupEnv) //nolint:forbidigo // likewise //nolint:forbidigo // as in run
	if err != nil {
		say(out, "%s: %v", p.Name, err)
		return mistaken
	}
	if err := work(ctx); err != nil {
		say(out, "%s: %v", p.Name, err)
		return failed
	}
	return ok
}

// say writes a line for whoever started the program; it cannot help if even
// that fails.
func say(out io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(out, format+"\n", args...)
}
