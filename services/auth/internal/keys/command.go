package keys

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/daemon"
	"tandem.example/pkg/env"
)

// Config is the environment of the commands.
type Config struct {
	Dir string `env:"JWT_KEYS_DIR,required"`
}

// ahead is how long a new key is published before it signs: longer than a
// cluster takes to bring a changed Secret to every instance.
const ahead = 10 * time.Minute

const usage = `authd keys generate [-in 10m]   add a key, which begins to sign by then (the first one: at once)
       authd keys list                 show the keys
       authd keys retire               remove the keys whose last token has expired
       authd keys kill <kid>…          remove keys now: their tokens are refused from here on
All work on the directory JWT_KEYS_DIR.`

var (
	errUnknown = errors.New("no such key")
	errDamaged = errors.New("some files are not usable")
)

// desk does one command.
type desk struct {
	dir string
	out io.Writer
	now time.Time
}

// Command is "authd keys".
func Command(_ context.Context, get daemon.Lookup, args []string, out io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("%w: %s", daemon.ErrUsage, usage)
	}
	flags := flag.NewFlagSet("keys "+args[0], flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	wait := ahead
	if args[0] == "generate" {
		flags.DurationVar(&wait, "in", ahead, "")
	}
	if err := flags.Parse(args[1:]); err != nil || (flags.NArg() > 0) != (args[0] == "kill") || wait < 0 {
		return fmt.Errorf("%w: %s", daemon.ErrUsage, usage)
	}
	given := false
	flags.Visit(func(*flag.Flag) { given = true })
	cfg, err := env.Load[Config](get)
	if err != nil {
		return err
	}
	d := desk{cfg.Dir, out, time.Now()}
	switch args[0] {
	case "generate":
		return d.generate(wait, given)
	case "list":
		return d.list()
	case "retire":
		return d.retire()
	case "kill":
		return d.kill(flags.Args())
	default:
		return fmt.Errorf("%w: %s", daemon.ErrUsage, usage)
	}
}

func (d desk) generate(wait time.Duration, given bool) error {
	files, err := bearer.ReadKeys(d.dir)
	if err != nil && len(files) == 0 {
		return err
	}
	if len(files) == 0 && !given {
		wait = 0 // there is nobody to wait for
	}
	f, err := bearer.GenerateKey(d.dir, d.now.Add(wait))
	if err != nil {
		return err
	}
	return d.show("%s  signs from %s\n", f.Key.ID, f.From.Format(time.RFC3339))
}

func (d desk) list() error {
	files, wrong := bearer.ReadKeys(d.dir)
	table := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "KID\tSTATE\tSIGNS FROM")
	for n, f := range files {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", f.Key.ID, StateOf(files, n, d.now), f.From.Format(time.RFC3339))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if wrong != nil {
		return fmt.Errorf("%w:\n%w", errDamaged, wrong)
	}
	return nil
}

func (d desk) retire() error {
	files, err := bearer.ReadKeys(d.dir)
	if err != nil { // what cannot be read may be the key that signs
		return fmt.Errorf("%w:\n%w", errDamaged, err)
	}
	for n, f := range files {
		if StateOf(files, n, d.now) != Idle {
			continue
		}
		if err := d.remove(f, "retired"); err != nil {
			return err
		}
	}
	return nil
}

// kill never leaves the directory without a key: a new one is there before the
// last one goes.
func (d desk) kill(ids []string) error {
	files, _ := bearer.ReadKeys(d.dir) // a damaged file must not hold up an emergency
	var doomed []bearer.KeyFile
	for _, id := range ids {
		n := slices.IndexFunc(files, func(f bearer.KeyFile) bool { return f.Key.ID == id })
		if n < 0 {
			return fmt.Errorf("%w: %s", errUnknown, id)
		}
		doomed, files = append(doomed, files[n]), slices.Delete(files, n, n+1)
	}
	if len(files) == 0 {
		if err := d.generate(0, true); err != nil {
			return err
		}
	}
	for _, f := range doomed {
		if err := d.remove(f, "killed"); err != nil {
			return err
		}
	}
	return nil
}

func (d desk) remove(f bearer.KeyFile, word string) error {
	if err := bearer.RemoveKey(d.dir, f); err != nil {
		return err
	}
	return d.show("%s  %s\n", f.Key.ID, word)
}

func (d desk) show(format string, args ...any) error {
	_, err := fmt.Fprintf(d.out, format, args...)
	return err
}
