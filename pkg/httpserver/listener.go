package httpserver

import (
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// linger is how long a closing listener still hands over connections. The
// kernel completes handshakes before a program accepts them; closing at once
// would reset the clients that wait in that queue, some with a request on its
// way. It covers a handshake over a long line.
const linger = 100 * time.Millisecond

// drainListener closes without dropping a connection that waits to be accepted.
type drainListener struct {
	net.Listener

	once   sync.Once
	ending chan struct{} // closed when Close was called
	ended  chan struct{} // closed when Accept has returned the last connection
}

func newDrainListener(ln net.Listener) *drainListener {
	return &drainListener{Listener: ln, ending: make(chan struct{}), ended: make(chan struct{})}
}

// Accept is called by one goroutine.
func (l *drainListener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err == nil {
		if tcp, ok := accepted.(*net.TCPConn); ok {
			return &conn{TCPConn: tcp}, nil
		}
		return accepted, nil
	}
	select {
	case <-l.ending:
		_ = l.Listener.Close()
		close(l.ended)
		return nil, net.ErrClosed // a time-out would make the server wait and try again
	default:
		return nil, err
	}
}

// Close returns when the last connection has been handed over.
func (l *drainListener) Close() error {
	l.once.Do(func() {
		refuseHandshakes(l.Listener)
		close(l.ending)
		timed, ok := l.Listener.(interface{ SetDeadline(time.Time) error })
		if !ok || timed.SetDeadline(time.Now().Add(linger)) != nil {
			_ = l.Listener.Close()
		}
		giveUp := time.NewTimer(4 * linger) // if nobody accepts
		defer giveUp.Stop()
		select {
		case <-l.ended:
		case <-giveUp.C:
			_ = l.Listener.Close()
		}
	})
	return nil
}

// securedListener accepts connections of a TLS listener.
type securedListener struct{ net.Listener }

// Accept implements [net.Listener].
func (l securedListener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if c, ok := accepted.(*tls.Conn); ok {
		return &secured{Conn: c}, nil
	}
	return accepted, err
}
