package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"

	"tandem.example/pkg/devstack/internal/pair"
)

const (
	probeEvery  = 50 * time.Millisecond
	probeWithin = 2 * time.Second
)

// balancer leads requests for https://<role> to the instances of that role, as
// the balancer before a deployment does: to those that say that they are ready,
// and to another one if a connection was refused, so that nothing was sent. What
// else goes wrong is a lost request. It is safe for concurrent use.
type balancer struct {
	asking      context.Context //nolint:containedctx // of the probes, which outlive the calls that begin them
	way, probes *http.Transport

	mu    sync.Mutex // guards all below
	pools map[string][]*backend
	lost  []string
}

type backend struct {
	pair.Instance
	ready bool
	quit  context.CancelFunc // ends the probes
}

func newBalancer(ctx context.Context, caFile string) (*balancer, error) {
	way, err := trusting(caFile)
	if err != nil {
		return nil, err
	}
	probes, err := trusting(caFile)
	if err != nil {
		return nil, err
	}
	probes.DisableKeepAlives = true
	return &balancer{asking: ctx, way: way, probes: probes, pools: map[string][]*backend{}}, nil
}

var errNobody = errors.New("no instance is ready")

// RoundTrip implements [http.RoundTripper].
func (b *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	role := r.URL.Host
	for {
		to := b.choose(role)
		if to == nil {
			b.lose("%s %s: %w", r.Method, r.URL.Path, errNobody)
			return nil, errNobody
		}
		sent := r.Clone(r.Context())
		sent.URL.Host, sent.Host = to.URL[len("https://"):], ""
		if r.GetBody != nil {
			sent.Body, _ = r.GetBody() // a string is read again
		}
		got, err := b.way.RoundTrip(sent)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			b.set(to, false)
			continue
		case err != nil && !errors.Is(err, context.Canceled): // which the client did
			b.lose("%s %s at %s: %w", r.Method, r.URL.Path, to.Name, err)
		case err == nil && got.StatusCode >= http.StatusInternalServerError:
			b.lose("%s %s at %s: status %d", r.Method, r.URL.Path, to.Name, got.StatusCode)
		}
		if err == nil && got.Header.Get("Cache-Status") != "" {
			got.Header.Set("Cache-Status", got.Header.Get("Cache-Status")+"; at="+to.Name)
		}
		return got, err
	}
}

func (b *balancer) lose(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lost = append(b.lost, fmt.Errorf(format, args...).Error())
}

func (b *balancer) choose(role string) *backend {
	b.mu.Lock()
	defer b.mu.Unlock()
	ready := slices.DeleteFunc(slices.Clone(b.pools[role]), func(to *backend) bool { return !to.ready })
	if len(ready) == 0 {
		return nil
	}
	return ready[rand.IntN(len(ready))] //nolint:gosec // a choice
}

func (b *balancer) set(to *backend, ready bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	to.ready = ready
}

// admit begins to ask an instance whether it is ready, and returns once it has
// asked.
func (b *balancer) admit(i pair.Instance) {
	ctx, quit := context.WithCancel(b.asking)
	to := &backend{i, b.probe(ctx, i), quit}
	b.mu.Lock()
	b.pools[i.Role] = append(b.pools[i.Role], to)
	b.mu.Unlock()
	go func() {
		for pause(ctx, probeEvery) {
			b.set(to, b.probe(ctx, i))
		}
	}()
}

// dismiss is for an instance that is no more.
func (b *balancer) dismiss(i pair.Instance) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pools[i.Role] = slices.DeleteFunc(b.pools[i.Role], func(to *backend) bool {
		if to.Name == i.Name {
			to.quit()
		}
		return to.Name == i.Name
	})
}

func (b *balancer) probe(ctx context.Context, i pair.Instance) bool {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, i.AdminURL+"/readyz", nil)
	if err != nil {
		return false
	}
	got, err := b.probes.RoundTrip(r)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, got.Body) // only the status counts
	_ = got.Body.Close()                 // likewise
	return got.StatusCode == http.StatusOK
}
