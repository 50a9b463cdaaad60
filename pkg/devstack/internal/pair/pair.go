// Package pair runs Tandem on one machine: the servers of a devstack, one auth
// and two resources.
//
// It promises that what it publishes in the run directory is true: stack.env is
// there only while everything is ready, and a process that dies is reported and
// left dead, so that whoever experiments with faults is not interfered with.
package pair

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/clerk"
	"tandem.example/pkg/devstack/internal/proc"
)

const (
	stopGrace  = 20 * time.Second // more than a service takes to drain
	supervisor = "supervisor"
)

// Config is what a run is made of.
type Config struct {
	Authd, Resourcesd string    // the services' binaries
	Resources         int       // how many instances of resources; two if it is zero
	Auths             int       // how many of auth; one if it is zero
	RunDir            string    // usually .run
	EdDSA             bool      // sign with a key, and let resources hold no secret
	Environ           []string  // the caller's environment
	Out               io.Writer // the console
	// Rewire, if set, changes what an instance sees before it first starts.
	Rewire func(instance string, stack *devstack.Stack, environment []string) ([]string, error)
}

// Run starts everything, serves until ctx ends, and leaves nothing behind.
func Run(ctx context.Context, c Config) (err error) {
	if c, err = c.complete(); err != nil {
		return err
	}
	began := time.Now()
	c.say("starting the database, Redis, NATS and the Clerk stand-in")
	stack, err := devstack.Start(ctx, c.options())
	if ctx.Err() != nil && stack == nil {
		c.say("stopped before it was ready")
		return nil
	}
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, stack.Close())
		if err == nil {
			c.say("stopped, nothing is left behind")
		}
	}()
	r, err := newRun(ctx, c, stack)
	if err != nil {
		return err
	}
	if err := r.start(ctx); err != nil {
		if ctx.Err() != nil {
			err = nil // it only failed because the caller stops
		}
		return errors.Join(err, r.stop(ctx))
	}
	r.welcome(time.Since(began))
	r.table.Watch(ctx, r.report)
	c.say("stopping")
	return r.stop(ctx)
}

func (c Config) complete() (_ Config, err error) {
	if c.RunDir, err = filepath.Abs(c.RunDir); err != nil {
		return c, err
	}
	for _, binary := range []string{c.Authd, c.Resourcesd} {
		if _, err := exec.LookPath(binary); err != nil {
			return c, fmt.Errorf("%w: build the services first", err)
		}
	}
	if c.Resources == 0 {
		c.Resources = 2
	}
	c.Auths = max(c.Auths, 1)
	return c, nil
}

// options takes a server that the caller already has.
func (c Config) options() devstack.Options {
	o := devstack.Options{Database: true, Redis: true, NATS: true, Clerk: true, RunDir: c.RunDir}
	o.DatabaseURL, o.RedisURL, o.NATSURL = c.variable("DATABASE_URL"), c.variable("REDIS_URL"), c.variable("NATS_URL")
	return o
}

// variable is one of the caller's; an empty one counts as none.
func (c Config) variable(name string) (value string) {
	for _, v := range c.Environ {
		if rest, ok := strings.CutPrefix(v, name+"="); ok {
			value = rest
		}
	}
	return value
}

type run struct {
	Config
	stack     *devstack.Stack
	table     *proc.Table
	services  []service
	secrets   secrets
	announced map[string]bool // the processes that were seen running; used by the watcher alone
}

func newRun(ctx context.Context, c Config, stack *devstack.Stack) (*run, error) {
	r := &run{Config: c, stack: stack, table: stack.Processes(), secrets: newSecrets(), announced: map[string]bool{}}
	err := r.makeKeys()
	if err != nil {
		return nil, err
	}
	if r.services, err = r.plan(ctx); err != nil {
		return nil, err
	}
	hook := clerk.Webhook{URL: r.services[0].url() + "/webhooks/clerk", Secret: r.secrets.webhook, CAFile: stack.CAFile}
	if err := stack.Clerk.Notify(hook); err != nil {
		return nil, err
	}
	return r, r.table.Supervise(supervisor)
}

// start brings the schema up to date and the services up, and publishes where
// they are once all are ready.
func (r *run) start(ctx context.Context) error {
	r.say("bringing the schema up to date")
	if err := errors.Join(r.migrate(ctx, r.services[0]), r.migrate(ctx, r.services[1])); err != nil {
		return err
	}
	r.say("starting auth and %d resources", r.Resources)
	for _, s := range r.services {
		if err := r.launch(ctx, s); err != nil {
			return err
		}
	}
	var waiting errgroup.Group
	for _, s := range r.services {
		waiting.Go(func() error { return r.awaitReady(ctx, s) })
	}
	if err := waiting.Wait(); err != nil {
		return err
	}
	return r.publish()
}

// stop ends whatever runs under our names now, the services first.
func (r *run) stop(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	err := errors.Join(r.unpublish(), r.table.Seal())
	var stopping errgroup.Group
	for _, s := range r.services {
		stopping.Go(func() error { return r.table.End(ctx, s.name, syscall.SIGTERM, stopGrace) })
	}
	err = errors.Join(err, stopping.Wait())
	for _, name := range []string{"nats", "redis", r.stack.Database()} {
		if name != "" {
			_ = r.stack.Stop(name) // an external one is not ours; what resists is killed at the end
		}
	}
	return err
}

// report tells of a process that ended or runs again.
func (r *run) report(e proc.Event) {
	switch {
	case e.Name == supervisor:
	case !e.Running:
		r.say("%s (process %d) has died: %s\n        its log:            %s\n        to start it again:  %s",
			e.Name, e.PID, e.How, r.table.Log(e.Name), r.table.Script(e.Name))
	case r.announced[e.Name]:
		r.say("%s runs again (process %d)", e.Name, e.PID)
	default:
		r.announced[e.Name] = true
	}
}

// say writes a line on the console.
func (c Config) say(format string, args ...any) {
	_, _ = fmt.Fprintf(c.Out, "tandem: "+format+"\n", args...) // a console that is gone is no reason to stop
}
