package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// Process is one of the measured programs.
type Process struct {
	Addr string

	cmd *exec.Cmd
	log *os.File // its standard error; a file, so that nobody has to read along
}

// Start runs a program with env and a free HTTP_ADDR for its whole environment,
// and waits until it listens there.
func Start(ctx context.Context, path string, env ...string) (*Process, error) {
	return StartCommand(ctx, exec.CommandContext(ctx, path), env...)
}

// StartCommand is [Start] for a program with arguments.
func StartCommand(ctx context.Context, cmd *exec.Cmd, env ...string) (*Process, error) {
	addr, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	log, err := os.CreateTemp("", "bench-*.log")
	if err != nil {
		return nil, err
	}
	p := &Process{Addr: addr, cmd: cmd, log: log}
	p.cmd.Env = append(env, "HTTP_ADDR="+addr)
	p.cmd.Stderr = log
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close(), os.Remove(log.Name()))
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err == nil {
			return p, conn.Close()
		}
		select {
		case <-ctx.Done():
			said := p.Said()
			p.Stop()
			return nil, fmt.Errorf("%s does not listen: %s", cmd.Path, said)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Said is the beginning of what the program wrote to its standard error.
func (p *Process) Said() string {
	text := make([]byte, 4<<10)
	n, _ := p.log.ReadAt(text, 0) // it may be shorter
	return string(text[:n])
}

// Stop kills the program, if it was started.
func (p *Process) Stop() {
	if p != nil {
		_ = p.cmd.Process.Kill() // it may have ended
		_ = p.cmd.Wait()
		_ = p.log.Close()
		_ = os.Remove(p.log.Name())
	}
}

// ticks is how many times a second the kernel counts a process's time in
// /proc/<pid>/stat (USER_HZ; 100 on every Linux that Go runs on).
const ticks = 100

// CPU is the time that the process has spent so far.
func (p *Process) CPU() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(stat, []byte(") ")) // the name before it may hold anything
	fields := bytes.Fields(rest)
	const utime, stime = 11, 12 // proc(5), counted from the field after the name
	var sum time.Duration
	for _, field := range [...][]byte{fields[utime], fields[stime]} {
		n, err := strconv.Atoi(string(field))
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n) * time.Second / ticks
	}
	return sum, nil
}

// freeAddress is a port of this machine that nobody listens on now.
func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
