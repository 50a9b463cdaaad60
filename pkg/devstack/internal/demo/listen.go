package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"time"
)

const hearWithin = 15 * time.Second

// heard is one line of the subscriber.
type heard struct {
	Type    string  `json:"type"`
	ID      string  `json:"id"`
	Action  string  `json:"action"`
	Version int64   `json:"version"`
	LagMS   float64 `json:"lag_ms"`
}

// listener is the other process as the walk sees it.
type listener struct {
	walk  *walk
	cmd   *exec.Cmd
	end   context.CancelFunc
	lines chan []byte
}

func (w *walk) listen(program []string) (*listener, error) {
	ctx, cancel := context.WithCancel(w.ctx)
	l := &listener{walk: w, end: cancel, lines: make(chan []byte, 64)}
	l.cmd = exec.CommandContext(ctx, program[0], program[1:]...) //nolint:gosec // this very binary
	l.cmd.Env = []string{"NATS_URL=" + w.stack["NATS_URL"], "NATS_CA_FILE=" + w.stack["CA_FILE"]}
	out, err := l.cmd.StdoutPipe()
	if err == nil {
		err = l.cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	go func() {
		defer close(l.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			l.lines <- append([]byte(nil), scan.Bytes()...)
		}
	}()
	if _, err := l.next(); err != nil {
		return nil, fmt.Errorf("the subscriber does not listen: %w", err)
	}
	w.say("a subscriber listens in process %d", l.cmd.Process.Pid)
	return l, nil
}

func (l *listener) next() ([]byte, error) {
	select {
	case line, ok := <-l.lines:
		if !ok {
			return nil, io.ErrUnexpectedEOF
		}
		return line, nil
	case <-time.After(hearWithin):
		return nil, context.DeadlineExceeded
	case <-l.walk.ctx.Done():
		return nil, l.walk.ctx.Err()
	}
}

// await waits for the version of a resource, and shows every event of it.
func (l *listener) await(id string, version int64) error {
	for {
		line, err := l.next()
		if err != nil {
			return fmt.Errorf("version %d was not heard of: %w", version, err)
		}
		var h heard
		if err := json.Unmarshal(line, &h); err != nil {
			return err
		}
		if h.ID != id {
			continue
		}
		l.walk.say("   process %d heard: %s", l.cmd.Process.Pid, line)
		if h.Version == version {
			return nil
		}
	}
}

func (l *listener) stop() {
	l.end()
	_ = l.cmd.Wait() // it was killed
}
