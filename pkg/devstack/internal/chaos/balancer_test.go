package chaos

import (
	"context"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/pkg/devstack/internal/pair"
)

// stub is an instance.
type stub struct {
	pair.Instance
	ready, status atomic.Int64
	asked         atomic.Int64
	ca            string // file
}

func newStub(t *testing.T, name string) *stub {
	t.Helper()
	s := &stub{ca: filepath.Join(t.TempDir(), "ca.pem")}
	s.ready.Store(http.StatusOK)
	s.status.Store(http.StatusOK)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := &s.status
		if r.URL.Path == "/readyz" {
			status = &s.ready
		} else {
			s.asked.Add(1)
		}
		if status.Load() == 0 {
			panic(http.ErrAbortHandler) // an answer that is cut off
		}
		w.WriteHeader(int(status.Load()))
	}))
	t.Cleanup(server.Close)
	s.Instance = pair.Instance{Name: name, Role: "it", URL: server.URL, AdminURL: server.URL}
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	if err := os.WriteFile(s.ca, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBalancer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	one, two := newStub(t, "one"), newStub(t, "two")
	b, err := newBalancer(ctx, one.ca)
	if err != nil {
		t.Fatal(err)
	}
	ask := asker{http: &http.Client{Transport: b}, clock: clock{time.Now()}, tally: newTally(), patient: true}
	send := func(want int) {
		t.Helper()
		if got := ask.send(ctx, http.MethodPost, "https://it/path", "", "{}"); got.status != want {
			t.Errorf("status %d, want %d", got.status, want)
		}
	}
	eventually := func(done func() bool) {
		t.Helper()
		for began := time.Now(); !done(); pause(ctx, time.Millisecond) {
			if time.Since(began) > 20*time.Second {
				t.Fatal("it does not come to that")
			}
		}
	}
	lost := func() int {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.lost)
	}

	send(0) // nobody is there
	b.admit(one.Instance)
	b.admit(two.Instance)
	eventually(func() bool { send(http.StatusOK); return one.asked.Load() > 0 && two.asked.Load() > 0 })
	one.ready.Store(http.StatusServiceUnavailable)
	eventually(func() bool { before := one.asked.Load(); send(http.StatusOK); return one.asked.Load() == before })
	one.ready.Store(http.StatusOK)
	b.dismiss(two.Instance)
	eventually(func() bool { return b.choose("it") != nil })
	before := two.asked.Load()
	send(http.StatusOK)
	if two.asked.Load() != before {
		t.Error("one that was dismissed was asked")
	}

	// Where nobody listens nothing was sent, so another is asked.
	nobody, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := &backend{pair.Instance{Name: "gone", Role: "it", URL: "https://" + nobody.Addr().String()}, true, cancel}
	if err := nobody.Close(); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.pools["it"] = append(b.pools["it"], gone)
	b.mu.Unlock()
	eventually(func() bool {
		send(http.StatusOK)
		b.mu.Lock()
		defer b.mu.Unlock()
		return !gone.ready
	})
	if lost() != 1 { // the one at first
		t.Errorf("%d were lost: %s", lost(), strings.Join(b.lost, ", "))
	}

	// What was sent is not sent again.
	for n, status := range []int{0, http.StatusServiceUnavailable} {
		one.status.Store(int64(status))
		before := one.asked.Load()
		send(status)
		if one.asked.Load() != before+1 || lost() != n+2 {
			t.Errorf("status %d: asked %d times, %d lost", status, one.asked.Load()-before, lost())
		}
	}
}
