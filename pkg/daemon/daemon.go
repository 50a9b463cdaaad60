// Package daemon is the frame of a service's program: its commands, what it says
// of a wrong configuration, and its exit codes.
//
// It promises that a program which cannot start as it was configured says
// everything that is wrong in one list and exits with 2, and that one which was
// asked to stop ends in order within its grace period.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
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

// ballast is memory that is never touched, so that it exists in the garbage
// collector's sums alone: it makes the heap of a service, some 10 MB with much
// that is short-lived, be collected when it has grown by that much, and not many
// times a second. A large heap is collected as ever.
const ballast = 32 << 20

// Program is a service as its command line knows it. Both functions read their
// configuration with Lookup and return the mistakes in it as their error, before
// anything else is done.
type Program struct {
	Name    string
	Run     func(Lookup) (fx.Option, error)
	Migrate func(Lookup) (func(context.Context) error, error)
	// Commands is what else the program can do, by name.
	Commands map[string]Command
}

// Command does one piece of work and ends; what it was asked for it writes to
// out. An error that wraps [ErrUsage] or is an [env.LoadError] is the caller's
// mistake.
type Command func(ctx context.Context, get Lookup, args []string, out io.Writer) error

// ErrUsage is a command line that a [Command] does not understand.
var ErrUsage = errors.New("usage")

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
		command, args = args[0], args[1:]
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	work := p.Commands[command]
	switch {
	case work != nil:
		return p.perform(ctx, work, args, out)
	case command == "run" && len(args) == 0:
		return p.serve(ctx, out)
	case command == "migrate" && len(args) == 0:
		return p.bring(ctx, out)
	case command == "health":
		return p.perform(ctx, health, args, out)
	default:
		names := append([]string{"run", "migrate", "health"}, slices.Sorted(maps.Keys(p.Commands))...)
		say(out, "usage: %s [%s]", p.Name, strings.Join(names, " | "))
		return mistaken
	}
}

func (p Program) perform(ctx context.Context, work Command, args []string, out io.Writer) int {
	err := work(ctx, os.LookupEnv, args, os.Stdout) //nolint:forbidigo // as in run
	if err == nil {
		return ok
	}
	say(out, "%s: %v", p.Name, err)
	if _, environment := errors.AsType[env.LoadError](err); environment || errors.Is(err, ErrUsage) {
		return mistaken
	}
	return failed
}

func (p Program) serve(ctx context.Context, out io.Writer) int {
	defer runtime.KeepAlive(make([]byte, ballast))
	options, err := p.Run(os.LookupEnv) //nolint:forbidigo // the one place that hands the environment to the configuration
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
	work, err := p.Migrate(os.LookupEnv) //nolint:forbidigo // as in run
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
