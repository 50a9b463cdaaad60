package pair

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Migrate brings the schema to where a binary of that role wants it.
func (h *Held) Migrate(ctx context.Context, role, binary string) error {
	s, err := h.like(role)
	if err != nil {
		return err
	}
	s.binary = binary
	return h.r.migrate(ctx, s)
}

// Join starts another instance of a role, by another binary, and waits until it
// is ready.
func (h *Held) Join(ctx context.Context, name, role, binary string) (Instance, error) {
	s, err := h.like(role)
	if err != nil {
		return Instance{}, err
	}
	s.name, s.urlVariable, s.adminVariable = name, "", ""
	if s.binary, err = filepath.Abs(binary); err != nil {
		return Instance{}, err
	}
	if s.public, err = h.r.stack.FreeAddress(ctx); err != nil {
		return Instance{}, err
	}
	if s.admin, err = h.r.stack.FreeAddress(ctx); err != nil {
		return Instance{}, err
	}
	s.environment = set(set(s.environment, "HTTP_ADDR", s.public), "ADMIN_ADDR", s.admin)
	h.mu.Lock()
	h.r.services = append(h.r.services, s)
	h.mu.Unlock()
	if err := h.r.launch(ctx, s); err != nil {
		return Instance{}, err
	}
	return s.instance(), h.r.awaitReady(ctx, s)
}

// Leave asks an instance to end, as whoever replaces it does, and waits until it
// has. It returns an error if it did not do so by itself and in order.
func (h *Held) Leave(ctx context.Context, name string) error {
	err := h.r.table.End(ctx, name, syscall.SIGTERM, stopGrace)
	how := h.r.table.Failed(name)
	if err != nil || how == nil || !strings.Contains(how.Error(), "exit status 0") {
		return fmt.Errorf("%w\n%s", errors.Join(err, how), h.r.tail(name))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.r.services = slices.DeleteFunc(h.r.services, func(s service) bool { return s.name == name })
	return nil
}

// like is one of that role.
func (h *Held) like(role string) (service, error) {
	for _, s := range h.services() {
		if s.role == role {
			return s, nil
		}
	}
	return service{}, errors.New("no such role: " + role)
}
