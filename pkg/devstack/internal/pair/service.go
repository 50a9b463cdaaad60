package pair

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/internal/proc"
)

const (
	readyWithin = 60 * time.Second
	tailBytes   = 4 << 10
)

// service is one instance.
type service struct {
	name, role    string
	binary        string
	public, admin string // host:port
	environment   []string
	urlVariable   string // where stack.env says it is
	adminVariable string
}

func (s service) url() string      { return "https://" + s.public }
func (s service) adminURL() string { return "https://" + s.admin }

func (s service) instance() Instance { return Instance{s.name, s.role, s.url(), s.adminURL()} }

// plan gives every instance its addresses and its environment. Auth comes first;
// further instances of it last.
func (r *run) plan(ctx context.Context) ([]service, error) {
	services := []service{
		{name: "auth", role: devstack.Auth, binary: r.Authd, urlVariable: "AUTH_URL", adminVariable: "AUTH_ADMIN_URL"},
	}
	for n := 1; n <= r.Resources; n++ {
		s := service{name: fmt.Sprintf("resources-%d", n), role: devstack.Resources, binary: r.Resourcesd}
		prefix := "RESOURCES_"
		if n > 1 {
			prefix = fmt.Sprintf("RESOURCES_%d_", n)
		}
		s.urlVariable, s.adminVariable = prefix+"URL", prefix+"ADMIN_URL"
		services = append(services, s)
	}
	for n := 2; n <= r.Auths; n++ {
		prefix := fmt.Sprintf("AUTH_%d_", n)
		services = append(services, service{
			name: fmt.Sprintf("auth-%d", n), role: devstack.Auth, binary: r.Authd,
			urlVariable: prefix + "URL", adminVariable: prefix + "ADMIN_URL",
		})
	}
	for i := range services {
		s := &services[i]
		var err error
		if s.binary, err = filepath.Abs(s.binary); err != nil {
			return nil, err
		}
		if s.public, err = r.stack.FreeAddress(ctx); err != nil {
			return nil, err
		}
		if s.admin, err = r.stack.FreeAddress(ctx); err != nil {
			return nil, err
		}
	}
	for i := range services {
		env := r.environment(services[i], services[0].url())
		if r.Rewire != nil {
			var err error
			if env, err = r.Rewire(services[i].name, r.stack, env); err != nil {
				return nil, err
			}
		}
		services[i].environment = env
	}
	return services, nil
}

// migrate runs a service's migrations as the owner of the schema.
func (r *run) migrate(ctx context.Context, s service) error {
	log, err := os.OpenFile(r.table.Log(s.name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // a log for the person who runs the stack
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, s.binary, "migrate") //nolint:gosec // the caller's own binary
	cmd.Env = append(set(s.environment, "DATABASE_URL", r.stack.DatabaseURL),
		"DATABASE_GRANT_TO="+r.stack.DatabaseUser(s.role))
	cmd.Stdout, cmd.Stderr = log, log
	if err := errors.Join(cmd.Run(), log.Close()); err != nil {
		return fmt.Errorf("%s migrate: %w\n%s", filepath.Base(s.binary), err, r.tail(s.name))
	}
	return nil
}

func (r *run) launch(ctx context.Context, s service) error {
	err := r.table.Add(proc.Spec{Name: s.name, Path: s.binary, Args: []string{"run"}, Env: s.environment, Dir: r.stack.Dir()})
	if err != nil {
		return err
	}
	if err := r.table.Start(ctx, s.name); err != nil {
		return fmt.Errorf("%w\n%s", err, r.tail(s.name))
	}
	return nil
}

func (r *run) awaitReady(ctx context.Context, s service) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	var last error
	client, err := newProber(r.stack.CAFile)
	if err != nil {
		return err
	}
	err = proc.Await(ctx, func() (bool, error) {
		if err := r.table.Failed(s.name); err != nil {
			return false, err
		}
		last = client.ready(ctx, s.adminURL()+"/readyz")
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%s does not become ready: %w\n%s", s.name, errors.Join(err, last), r.tail(s.name))
	}
	return nil
}

// tail is the end of a process's log.
func (r *run) tail(name string) string {
	data, err := os.ReadFile(r.table.Log(name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data[max(0, len(data)-tailBytes):]))
}
