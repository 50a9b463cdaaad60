package devstack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"

	"tandem.example/pkg/devstack/certs"
	"tandem.example/pkg/devstack/internal/proc"
)

// host is what all servers of a stack share.
type host struct {
	dir               string
	user              *proc.User // for programs that refuse root
	ca                *certs.Authority
	certFile, keyFile string
	table             *proc.Table
	hold              *os.File

	mu   sync.Mutex // guards held
	held []net.PacketConn
}

func newHost(ctx context.Context, runDir string) (_ *host, err error) {
	h := &host{}
	if h.user, err = proc.Unprivileged(); err != nil {
		return nil, err
	}
	if h.dir, err = h.user.TempDir(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil && h.table == nil { // nobody else would do it
			err = errors.Join(err, os.RemoveAll(h.dir))
		}
	}()
	layout := proc.Layout{Dir: h.dir, Scripts: h.path("start"), Logs: h.path("logs"), Remove: []string{h.dir}}
	if runDir != "" {
		if h.hold, err = proc.Acquire(ctx, runDir); err != nil {
			return nil, err
		}
		layout.Scripts, layout.Logs = filepath.Join(runDir, "start"), filepath.Join(runDir, "logs")
		layout.Pids, layout.Hold = filepath.Join(runDir, "pids"), h.hold
		layout.Remove = append(layout.Remove, runDir)
	}
	if err := errors.Join(os.Mkdir(layout.Scripts, 0o700), os.Mkdir(layout.Logs, 0o755)); err != nil { //nolint:gosec // logs are for everybody on this machine
		return nil, err
	}
	if h.ca, err = certs.New(h.dir); err != nil {
		return nil, err
	}
	if h.certFile, h.keyFile, err = h.ca.Issue("server", "localhost"); err != nil {
		return nil, err
	}
	h.table, err = proc.Open(layout)
	return h, err
}

func (h *host) close() error {
	err := h.table.Close()
	if h.hold != nil {
		err = errors.Join(err, h.hold.Close())
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, port := range h.held {
		err = errors.Join(err, port.Close())
	}
	return err
}

// freePort is a port that nothing listens on, and that no other stack of this
// machine chooses until this one is closed: to hold the UDP port of that number
// keeps everybody away who looks there first. It lies below the range that the
// system gives to outgoing connections (32768 on Linux): inside of it, a client
// that keeps dialling a dead server ends up connected to itself, and the server
// cannot come back on its port.
func (h *host) freePort(ctx context.Context) (int, error) {
	const low, high, tries = 15000, 32000, 100
	var config net.ListenConfig
	for range tries {
		n, err := rand.Int(rand.Reader, big.NewInt(high-low))
		if err != nil {
			return 0, err
		}
		port := low + int(n.Int64())
		held, err := config.ListenPacket(ctx, "udp", address(port))
		if err != nil {
			continue
		}
		l, err := config.Listen(ctx, "tcp", address(port))
		if err != nil {
			_ = held.Close() // nothing was sent
			continue
		}
		h.mu.Lock()
		h.held = append(h.held, held)
		h.mu.Unlock()
		return port, l.Close()
	}
	return 0, fmt.Errorf("no free port between %d and %d", low, high)
}

// FreeAddress is a loopback address for a further server beside the stack's, to
// come back to at every start.
func (s *Stack) FreeAddress(ctx context.Context) (string, error) {
	port, err := s.host.freePort(ctx)
	return address(port), err
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// secret is a password for this stack only; it needs no quoting anywhere.
func secret() string { return rand.Text() }
