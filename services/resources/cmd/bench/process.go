package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// process is one of the measured programs.
type process struct {
	addr string
	cmd  *exec.Cmd
	log  bytes.Buffer
}

// start runs a program with nothing but env for an environment, and waits until
// it listens.
func start(ctx context.Context, addr, path string, env ...string) (*process, error) {
	p := &process{addr: addr, cmd: exec.CommandContext(ctx, path)}
	p.cmd.Env = append(env, "HTTP_ADDR="+addr)
	p.cmd.Stderr = &p.log
	if err := p.cmd.Start(); err != nil {
		return nil, err
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
			p.stop()
			return nil, fmt.Errorf("%s does not listen: %s", path, &p.log)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *process) stop() {
	if p != nil {
		_ = p.cmd.Process.Kill() // it may have ended
		_ = p.cmd.Wait()
	}
}

// ticks is how many times a second the kernel counts a process's time in
// /proc/<pid>/stat (USER_HZ; 100 on every Linux that Go runs on).
const ticks = 100

// cpu is the time that the process has spent so far.
func (p *process) cpu() (time.Duration, error) {
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
