package devstack

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"time"
)

const stopGrace = 10 * time.Second

// Kill ends a server of this stack with SIGKILL and returns once it is gone. The
// names are those of the list of processes: "postgres" or "cockroach" (see
// [Stack.Database]), "redis", "nats".
func (s *Stack) Kill(name string) error {
	p, err := s.process(name)
	if err != nil {
		return err
	}
	return s.host.table.End(context.Background(), p, syscall.SIGKILL, stopGrace)
}

// Stop ends a server as an operator would.
func (s *Stack) Stop(name string) error {
	p, err := s.process(name)
	if err != nil {
		return err
	}
	return s.host.table.End(context.Background(), p, stopSignal(p), stopGrace)
}

// Start starts a server again, where it was, and waits until it answers.
func (s *Stack) Start(ctx context.Context, name string) error {
	p, err := s.process(name)
	if err != nil {
		return err
	}
	switch name {
	case "redis":
		return s.host.bring(ctx, p, func(ctx context.Context) error { return s.host.pingRedis(ctx, s.redis) })
	case replicaName:
		return s.host.bring(ctx, p, func(ctx context.Context) error { return s.host.pingRedis(ctx, s.replica) })
	case "nats":
		return s.host.bring(ctx, p, func(context.Context) error { return s.host.pingNATS(s.nats) })
	default:
		return s.host.bring(ctx, p, s.database.ready)
	}
}

// Pause stops a server in its tracks: connections stay open and nothing answers.
func (s *Stack) Pause(name string) error { return s.signal(name, syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (s *Stack) Resume(name string) error { return s.signal(name, syscall.SIGCONT) }

// PID is the process of a server.
func (s *Stack) PID(name string) (int, error) {
	p, err := s.process(name)
	if err != nil {
		return 0, err
	}
	return s.host.table.PID(p)
}

// Database is the name of the database's process; empty if it is external.
func (s *Stack) Database() string {
	for _, name := range []string{"postgres", "cockroach"} {
		if _, ok := s.own[name]; ok {
			return name
		}
	}
	return ""
}

func (s *Stack) signal(name string, sig syscall.Signal) error {
	p, err := s.process(name)
	if err != nil {
		return err
	}
	return s.host.table.Signal(p, sig)
}

func (s *Stack) process(name string) (string, error) {
	if p, ok := s.own[name]; ok {
		return p, nil
	}
	return "", fmt.Errorf("%s does not belong to this stack alone: ask for it with Options.Own…", name)
}

// stopSignal: SIGINT is PostgreSQL's fast shutdown, where SIGTERM waits for
// clients to leave.
func stopSignal(process string) syscall.Signal {
	if strings.HasPrefix(process, "postgres") {
		return syscall.SIGINT
	}
	return syscall.SIGTERM
}
