package pair_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/internal/pair"
	"tandem.example/pkg/devstack/internal/proc"
)

const roleHold = "hold-the-pair"

// hold does what somebody does who has a pair in their hands.
func hold(dir string) (err error) {
	ctx := context.Background()
	h, err := pair.Hold(ctx, pair.Config{
		Authd: filepath.Join(dir, "authd"), Resourcesd: filepath.Join(dir, "resourcesd"),
		Resources: 3, Auths: 2, RunDir: filepath.Join(dir, ".run"), Out: os.Stdout,
		Rewire: func(instance string, _ *devstack.Stack, env []string) ([]string, error) {
			return append(env, "TEST_INSTANCE="+instance), nil
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close(ctx)) }()
	var roles []string
	for _, i := range h.Instances() {
		roles = append(roles, i.Name+" "+i.Role)
	}
	want := []string{"auth " + devstack.Auth, "resources-1 resources", "resources-2 resources", "resources-3 resources", "auth-2 auth"}
	if !slices.Equal(roles, want) {
		return fmt.Errorf("the instances are %q", roles)
	}
	if err := h.Start(ctx, "resources-4"); err == nil {
		return errors.New("an instance that there is not was started")
	}
	return errors.Join(holdOne(ctx, h, "resources-2"), replaceOne(ctx, h, "resources-2", filepath.Join(dir, "resourcesd")))
}

// replaceOne puts another instance beside one, and has that one end.
func replaceOne(ctx context.Context, h *pair.Held, old, binary string) error {
	if err := h.Migrate(ctx, devstack.Resources, binary); err != nil {
		return err
	}
	i, err := h.Join(ctx, "resources-new", devstack.Resources, binary)
	if err != nil {
		return err
	}
	if i.Name != "resources-new" || i.Role != devstack.Resources || h.PID(i.Name) == 0 || !slices.Contains(h.Instances(), i) {
		return fmt.Errorf("what joined is %+v", i)
	}
	if err := h.Leave(ctx, old); err != nil {
		return err
	}
	if h.PID(old) != 0 || len(h.Instances()) != 5 {
		return fmt.Errorf("%s did not leave: %v", old, h.Instances())
	}
	if err := h.Kill(ctx, i.Name); err != nil {
		return err
	}
	if err := h.Leave(ctx, i.Name); err == nil {
		return errors.New("one that was killed has left in order")
	}
	if _, err := h.Join(ctx, "other", "other", binary); err == nil {
		return errors.New("an instance of a role that there is not has joined")
	}
	return errors.Join(h.Start(ctx, i.Name), h.AwaitReady(ctx))
}

// holdOne stops an instance, lets it go on, kills it and starts it again.
func holdOne(ctx context.Context, h *pair.Held, name string) error {
	becomes := func(what string, is func(byte) bool) error {
		if err := proc.Await(ctx, func() (bool, error) { return is(h.State(name)), nil }); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	}
	if err := errors.Join(h.Signal(name, syscall.SIGSTOP), becomes("stop", func(s byte) bool { return s == 'T' }),
		h.Signal(name, syscall.SIGCONT), becomes("go on", func(s byte) bool { return s != 'T' && s != 0 }),
		h.Kill(ctx, name)); err != nil {
		return err
	}
	if s := h.State(name); s != 0 {
		return fmt.Errorf("the state of one that was killed is %q", s)
	}
	if err := h.Crashed(name); err != nil {
		return fmt.Errorf("one that was killed counts as crashed: %w", err)
	}
	if err := errors.Join(h.Start(ctx, name), h.AwaitReady(ctx)); err != nil {
		return err
	}
	// A stub that is asked to end exits by itself.
	if err := errors.Join(h.Signal(name, syscall.SIGTERM), becomes("end", func(s byte) bool { return s == 0 })); err != nil {
		return err
	}
	if err := h.Crashed(name); err == nil {
		return errors.New("one that ended by itself does not count as crashed")
	}
	if err := errors.Join(h.Start(ctx, name), h.AwaitReady(ctx), h.Crashed(name)); err != nil {
		return err
	}
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", h.PID(name)))
	if err != nil || !strings.Contains(string(env), "TEST_INSTANCE="+name) {
		return fmt.Errorf("%s does not see its variable: %w", name, err)
	}
	return nil
}
