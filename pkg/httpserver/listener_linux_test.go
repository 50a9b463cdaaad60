package httpserver

import (
	"errors"
	"net"
	"testing"
	"time"
)

// TestClosingListener has one client that connects before the end and one that
// comes while the listener closes.
func TestClosingListener(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	inner, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := newDrainListener(inner)
	dialer := net.Dialer{Timeout: linger / 2}
	before, err := dialer.DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = before.Close() }()
	accepted, ended := make(chan net.Conn, 2), make(chan error, 1)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- conn
		}
	}()
	closed := make(chan error, 1)
	go func() { closed <- ln.Close() }()
	<-ln.ending
	late, err := dialer.DialContext(t.Context(), "tcp", ln.Addr().String())
	if err == nil {
		_ = late.Close()
		t.Error("a client connected that nobody will serve")
	}
	served := <-accepted
	defer func() { _ = served.Close() }()
	_ = served.SetDeadline(time.Now().Add(time.Second))
	if _, err := before.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if n, err := served.Read(make([]byte, 1)); n != 1 {
		t.Errorf("what it sends does not arrive: %v", err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("after the last: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}
