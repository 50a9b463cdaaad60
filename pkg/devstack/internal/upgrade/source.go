// Package upgrade makes the binaries that an upgrade leads from and to: those of
// the release before, and those of a release that there is not yet.
package upgrade

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Base stands for the release before while there is none: the newest commit of
// the time when upgrades began to be kept.
const Base = "4962f0a9c96c428f1201c98d758e31530bf90fbd"

// The reasons that there is no source to build the release before from.
var (
	ErrShallow = errors.New("this clone is shallow, so the release before cannot be told: git fetch --unshallow --tags, or name a revision that is here")
	ErrAbsent  = errors.New("this clone has no such commit")
)

// Previous is the revision of the release before HEAD in the repository at root:
// the newest of its tags v*, or [Base].
func Previous(ctx context.Context, root string) (string, error) {
	shallow, err := git(ctx, root, "rev-parse", "--is-shallow-repository")
	if err != nil {
		return "", err
	}
	if shallow != "false" {
		return "", ErrShallow
	}
	// A release candidate comes before its release.
	tags, err := git(ctx, root, "-c", "versionsort.suffix=-", "tag", "--list", "v[0-9]*", "--merged", "HEAD^", "--sort=-version:refname")
	if err != nil {
		return "", err
	}
	if newest, _, _ := strings.Cut(tags, "\n"); newest != "" {
		return newest, nil
	}
	return Base, nil
}

// Checkout puts the source of a revision into dir, which must not exist.
func Checkout(ctx context.Context, root, revision, dir string) error {
	commit, err := git(ctx, root, "rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}")
	if err != nil {
		return fmt.Errorf("%w: %s", ErrAbsent, revision)
	}
	// The clone borrows the objects, and leaves nothing behind in root.
	if _, err := git(ctx, root, "clone", "--quiet", "--shared", "--no-checkout", ".", dir); err != nil {
		return err
	}
	_, err = git(ctx, dir, "checkout", "--quiet", "--detach", commit)
	return err
}

// git works on the repository at dir, whichever one its caller is a hook of.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}, name)
	})
	return run(ctx, dir, env, "git", args...)
}

// run gives what a program writes, without the space around it.
func run(ctx context.Context, dir string, env []string, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // git and go
	cmd.Dir, cmd.Env = dir, env
	var failure bytes.Buffer
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, bytes.TrimSpace(failure.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}
