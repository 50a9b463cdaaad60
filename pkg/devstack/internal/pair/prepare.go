package pair

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"tandem.example/pkg/devstack"
)

var errMissing = errors.New("missing programs")

const (
	programSpin  = "spin"
	programNginx = "nginx"
	programCaddy = "caddy"
	programNPM   = "npm"

	programCurl    = "curl"
	programOpenSSL = "openssl"
)

// packages are the names of what brings a program.
type packages struct{ apt, brew []string }

func packagesOf(program string) packages {
	switch program {
	case devstack.ProgramRedis:
		return packages{apt: []string{"redis-server"}, brew: []string{"redis"}}
	case programSpin:
		return packages{apt: []string{"spin"}, brew: []string{"spin"}}
	case programNginx:
		return packages{apt: []string{"nginx-light"}, brew: []string{"nginx"}}
	case programCaddy:
		return packages{apt: []string{"caddy"}, brew: []string{"caddy"}}
	case programNPM:
		return packages{apt: []string{"nodejs", "npm"}, brew: []string{"node"}}
	case programCurl, programOpenSSL:
		return packages{apt: []string{program}, brew: []string{program}}
	case programCompiler:
		return packages{apt: []string{"gcc", "libc6-dev"}, brew: []string{"llvm"}}
	default:
		return packages{apt: []string{"postgresql"}, brew: []string{"postgresql@17"}}
	}
}

// Prepare adds the servers that a run needs and the machine lacks, with the
// machine's own package manager, or says how to.
func Prepare(ctx context.Context, c Config) error {
	err := c.add(ctx, func() []string { return devstack.Missing(c.options()) })
	if errors.Is(err, errMissing) {
		err = fmt.Errorf("%w\nOr set DATABASE_URL, REDIS_URL to servers that you have", err)
	}
	return err
}

// PrepareTests adds what the tests need, which is servers of their own whatever
// the environment names, gateways and a client that others wrote, what the
// commands of docs/operations.md call, and the C compiler of the race detector.
func PrepareTests(ctx context.Context, c Config) error {
	return c.add(ctx, func() []string {
		missing := devstack.Missing(devstack.Options{Database: true, Redis: true})
		for _, program := range []string{programNginx, programCaddy, programNPM, programCurl, programOpenSSL} {
			if _, err := exec.LookPath(program); err != nil {
				missing = append(missing, program)
			}
		}
		if !compiles(ctx) {
			missing = append(missing, programCompiler)
		}
		return missing
	})
}

// PrepareModels adds the model checker and the compiler that it calls.
func PrepareModels(ctx context.Context, c Config) error {
	return c.add(ctx, func() []string {
		var missing []string
		if _, err := exec.LookPath(programSpin); err != nil {
			missing = append(missing, programSpin)
		}
		if !compiles(ctx) {
			missing = append(missing, programCompiler)
		}
		return missing
	})
}

func (c Config) add(ctx context.Context, find func() []string) error {
	missing := find()
	if len(missing) == 0 {
		return nil
	}
	var apt, brew []string
	for _, program := range missing {
		p := packagesOf(program)
		apt, brew = append(apt, p.apt...), append(brew, p.brew...)
	}
	for _, words := range installers(ctx, apt, brew) {
		c.say("installing what is missing: %s", strings.Join(words, " "))
		cmd := exec.CommandContext(ctx, words[0], words[1:]...) //nolint:gosec // commands from the table below
		cmd.Stdout, cmd.Stderr = c.Out, c.Out
		if err := cmd.Run(); err != nil {
			c.say("%s: %v", words[0], err)
			break
		}
	}
	if missing = find(); len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s\nOn Debian or Ubuntu:   sudo apt-get install %s\nOn macOS (Homebrew):   brew install %s",
		errMissing, strings.Join(missing, ", "), strings.Join(apt, " "), strings.Join(brew, " "))
}

// installers are the commands to run, none if this user may not install.
func installers(ctx context.Context, apt, brew []string) [][]string {
	if _, err := exec.LookPath("apt-get"); err == nil {
		root, ok := asRoot(ctx)
		if !ok {
			return nil
		}
		// RUNLEVEL=1 keeps the packages from starting servers of their own.
		root = append(root, "env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "-qq", "-o=Dpkg::Use-Pty=0")
		install := append(slices.Clip(root), "install", "-y", "--no-install-recommends")
		return [][]string{append(slices.Clip(root), "update"), append(install, apt...)}
	}
	if _, err := exec.LookPath("brew"); err == nil {
		return [][]string{append([]string{"brew", "install"}, brew...)}
	}
	return nil
}

// asRoot is the prefix that makes a command run as root without asking anything.
func asRoot(ctx context.Context) ([]string, bool) {
	if os.Geteuid() == 0 {
		return nil, true
	}
	err := exec.CommandContext(ctx, "sudo", "-n", "true").Run()
	return []string{"sudo", "-n"}, err == nil
}
