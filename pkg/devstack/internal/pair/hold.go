package pair

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"

	"tandem.example/pkg/devstack"
)

// Held is a pair in the hands of a program that does harm to it, or replaces it
// piece by piece. It is safe for concurrent use.
type Held struct {
	r  *run
	mu sync.Mutex // guards r.services
}

// Hold starts a pair and returns once everything is ready. Close ends it.
func Hold(ctx context.Context, c Config) (_ *Held, err error) {
	if c, err = c.complete(); err != nil {
		return nil, err
	}
	stack, err := devstack.Start(ctx, c.options())
	if err != nil {
		return nil, err
	}
	r, err := newRun(ctx, c, stack)
	if err == nil {
		err = r.start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, stack.Close())
	}
	return &Held{r: r}, nil
}

// Close ends everything and leaves nothing behind.
func (h *Held) Close(ctx context.Context) error {
	return errors.Join(h.r.stop(ctx), h.r.stack.Close())
}

// Stack is the servers.
func (h *Held) Stack() *devstack.Stack { return h.r.stack }

// Variable is one of those in stack.env.
func (h *Held) Variable(name string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range h.r.published() {
		if v.name == name {
			return v.value
		}
	}
	return ""
}

// Instance is one process of a service.
type Instance struct{ Name, Role, URL, AdminURL string }

// Instances are all of them: auth, then those of resources, then further ones of
// auth.
func (h *Held) Instances() []Instance {
	var all []Instance
	for _, s := range h.services() {
		all = append(all, s.instance())
	}
	return all
}

func (h *Held) services() []service {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.r.services)
}

// Kill ends an instance without a chance to clean up.
func (h *Held) Kill(ctx context.Context, name string) error {
	return h.r.table.End(ctx, name, syscall.SIGKILL, stopGrace)
}

// Signal is for SIGSTOP and SIGCONT.
func (h *Held) Signal(name string, s syscall.Signal) error { return h.r.table.Signal(name, s) }

// PID is an instance's process; zero for one that has ended.
func (h *Held) PID(name string) int {
	pid, err := h.r.table.PID(name)
	if err != nil {
		return 0
	}
	return pid
}

// State is that of an instance's process, as the kernel calls it: 'T' for one
// that was stopped, 0 for one that has ended.
func (h *Held) State(name string) byte {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", h.PID(name)))
	if err != nil {
		return 0
	}
	if _, rest, ok := bytes.Cut(stat, []byte(") ")); ok && len(rest) > 0 {
		return rest[0]
	}
	return 0
}

// Crashed tells how an instance ended that nobody killed, with the end of its log;
// nil for one that was killed, and while it runs.
func (h *Held) Crashed(name string) error {
	err := h.r.table.Failed(name)
	if err == nil || strings.Contains(err.Error(), "signal "+syscall.SIGKILL.String()) {
		return nil
	}
	return fmt.Errorf("%w\n%s", err, h.r.tail(name))
}

// Start starts an instance again. It does not wait until it is ready.
func (h *Held) Start(ctx context.Context, name string) error {
	for _, s := range h.services() {
		if s.name == name {
			return h.r.launch(ctx, s)
		}
	}
	return errors.New("no such instance: " + name)
}

// AwaitReady waits until every instance is ready.
func (h *Held) AwaitReady(ctx context.Context) error {
	for _, s := range h.services() {
		if err := h.r.awaitReady(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
