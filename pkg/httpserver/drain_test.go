package httpserver_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/httpserver"
)

// TestStopDropsNoAcceptedRequest stops a server that many clients call, each
// over kept connections and new ones in turn. Being turned away is fine; an
// answer that does not come is not. The clients do what any client must who
// keeps connections: they ask again if a kept one was closed before they wrote.
func TestStopDropsNoAcceptedRequest(t *testing.T) {
	t.Parallel()
	for name, delay := range map[string]time.Duration{"at once": 0, "with a delay": 200 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var begun, answered atomic.Int64
			s := start(t, func(o *httpserver.Options) {
				o.Config.DrainDelay = delay
				o.Routes = []httpserver.Route{handle("POST", "/work", func(c *fiber.Ctx) error {
					begun.Add(1)
					timer := time.NewTimer(2 * time.Millisecond)
					defer timer.Stop()
					<-timer.C
					return c.SendString("done")
				})}
			})
			var clients sync.WaitGroup
			for i := range 16 {
				clients.Go(func() {
					transport := &http.Transport{DisableKeepAlives: i%2 == 0}
					defer transport.CloseIdleConnections()
					for {
						req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/work", nil)
						req.Header["Idempotency-Key"] = nil // lets the transport retry on a kept connection that was closed
						resp, err := transport.RoundTrip(req)
						if errors.Is(err, syscall.ECONNREFUSED) {
							return
						}
						if err != nil {
							t.Errorf("a request got no answer: %v", err)
							return
						}
						if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "done" {
							t.Errorf("a cut answer: %q, %v", text, err)
						}
						_ = resp.Body.Close()
						answered.Add(1)
					}
				})
			}
			for answered.Load() < 200 {
				pause(t)
			}
			if err := s.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			clients.Wait()
			if begun.Load() != answered.Load() {
				t.Errorf("%d requests were begun and %d answered", begun.Load(), answered.Load())
			}
		})
	}
}

// pause waits a moment, between two looks at something.
func pause(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	<-ctx.Done()
}

// TestStopWaitsForTheRequestInHand holds a request while the server stops.
func TestStopWaitsForTheRequestInHand(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	s := start(t, func(o *httpserver.Options) {
		o.Routes = []httpserver.Route{handle("GET", "/", func(c *fiber.Ctx) error {
			close(entered)
			<-release
			return c.SendString("done")
		})}
	})
	answers := make(chan answer, 1)
	go func() { answers <- call(t, "GET", s.URL+"/", "") }()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(context.WithoutCancel(t.Context())) }()
	for call(t, "GET", "http://"+s.AdminAddr()+"/readyz", "").StatusCode != http.StatusServiceUnavailable {
		pause(t)
	}
	select {
	case err := <-stopped:
		t.Fatalf("stopped with a request in hand: %v", err)
	default:
	}
	close(release)
	if got := <-answers; got.Body != "done" || !got.Close {
		t.Errorf("got %s %q, Connection: close is %v", got.Status, got.Body, got.Close)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestStopGivesUpInTime(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	s := start(t, func(o *httpserver.Options) {
		o.Routes = []httpserver.Route{handle("GET", "/", func(*fiber.Ctx) error {
			close(entered)
			<-release
			return nil
		})}
	})
	conn := dial(t, s.Addr())
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	close(release)
}

// TestQueuedConnectionsAreServed closes a listener whose queue is full of
// clients that have sent their request and that nobody has accepted yet.
func TestQueuedConnectionsAreServed(t *testing.T) {
	t.Parallel()
	const clients = 64
	s := start(t, func(o *httpserver.Options) { o.Routes = []httpserver.Route{handle("GET", "/", ok)} })
	conns := make([]net.Conn, clients)
	for i := range conns {
		conns[i] = dial(t, s.Addr())
	}
	go func() { _ = s.Stop(context.WithoutCancel(t.Context())) }()
	for i, conn := range conns {
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
	for _, conn := range conns {
		if got := readRaw(t, conn); got.Body != "ok" {
			t.Errorf("got %s %q", got.Status, got.Body)
		}
	}
}

func TestKeptConnectionsAreToldToClose(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *httpserver.Options) {
		o.Config.DrainDelay = time.Minute
		o.Routes = []httpserver.Route{handle("GET", "/", ok)}
	})
	conn := dial(t, s.Addr())
	ask := func() bool {
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		return readRaw(t, conn).Close
	}
	if ask() {
		t.Fatal("told to close before the stop")
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(ctx) }()
	for call(t, "GET", "http://"+s.AdminAddr()+"/readyz", "").StatusCode != http.StatusServiceUnavailable {
		pause(t)
	}
	if !ask() {
		t.Error("not told to close")
	}
	cancel()
	if err := <-stopped; err != nil && !errors.Is(err, context.Canceled) { // what was left to do may have been nothing
		t.Errorf("got %v", err)
	}
}
