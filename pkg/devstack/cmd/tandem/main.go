// Command tandem runs the pair of services on this machine, with throw-away
// servers for all they depend on.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/internal/pair"
)

const usage = `usage: tandem run [flags]
           runs the pair until Ctrl-C
       tandem demo [flags]
           walks through the pair that runs, or through one of its own
       tandem prepare
           adds what the tests need and this machine lacks
       tandem model [flags]
           runs the models of the cache through Spin
       tandem chaos [flags]
           does harm to a pair of its own, and judges what its clients saw
       tandem upgrade [flags]
           leads a pair of its own from release to release and back, and judges
           what its clients saw
       tandem secrets directory
           writes what the services of docker-compose.yml know each other by
       tandem clerk [flags]
           stands in for Clerk until Ctrl-C
       tandem whoami [flags]
           answers what a gateway says about its callers
`

var errUsage = errors.New("wrong usage")

func main() {
	devstack.Child()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// A second signal ends this process at once; the reaper then clears up.
	context.AfterFunc(ctx, stop)
	err := command(ctx, os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "tandem:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		_, _ = io.WriteString(out, usage)
		return errUsage
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	beside := func(name string) string { return filepath.Join(filepath.Dir(self), name) }
	c := pair.Config{Environ: os.Environ(), Out: out}
	switch args[0] {
	case "model":
		return checkModels(ctx, c, args[1:])
	case "chaos":
		return harm(ctx, c, beside, args[1:])
	case "upgrade":
		return update(ctx, c, beside, args[1:])
	case "secrets":
		if len(args) != 2 {
			return errUsage
		}
		return devstack.ComposeSecrets(args[1])
	case "clerk":
		return standIn(ctx, out, args[1:])
	case "whoami":
		return application(ctx, out, args[1:])
	}
	flags := flag.NewFlagSet("tandem "+args[0], flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&c.Authd, "authd", beside("authd"), "the auth service's `binary`")
	flags.StringVar(&c.Resourcesd, "resourcesd", beside("resourcesd"), "the resources service's `binary`")
	flags.BoolVar(&c.EdDSA, "eddsa", false, "sign with an Ed25519 key, whose public half resources read from auth")
	flags.StringVar(&c.RunDir, "dir", ".run", "the `directory` that says what runs")
	if err := flags.Parse(args[1:]); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil || flags.NArg() > 0 {
		return errUsage
	}
	switch args[0] {
	case "prepare":
		return pair.PrepareTests(ctx, c)
	case "demo":
		return journey(ctx, c, self)
	case "listen":
		return listen(ctx)
	case "run":
		if err := pair.Prepare(ctx, c); err != nil {
			return err
		}
		return pair.Run(ctx, c)
	default:
		_, _ = io.WriteString(out, usage)
		return errUsage
	}
}
