package chaos

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"tandem.example/pkg/invalidation"
)

// subscriber is another service that follows all changes.
type subscriber struct {
	conn *nats.Conn
	sub  *invalidation.Subscription

	mu      sync.Mutex         // guards all below
	heard   map[string][]int64 // subject → versions as they came
	flushes map[invalidation.Reason]int
}

func subscribe(ctx context.Context, url, caFile string) (*subscriber, error) {
	s := &subscriber{heard: map[string][]int64{}, flushes: map[invalidation.Reason]int{}}
	var err error
	if s.conn, err = dial(url, caFile); err != nil {
		return nil, err
	}
	s.sub, err = invalidation.Subscribe(ctx, s.conn, invalidation.Options{
		Durable: "chaos", From: invalidation.FromOldest, Flush: s.flush,
	}, s.handle)
	if err != nil {
		s.conn.Close()
	}
	return s, err
}

// dial connects as soon as that is possible, and again and again.
func dial(url, caFile string) (*nats.Conn, error) {
	return nats.Connect(url, nats.RootCAs(caFile), nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1), nats.ReconnectWait(200*time.Millisecond))
}

func (s *subscriber) handle(_ context.Context, e invalidation.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	subject := e.Change.Subject()
	s.heard[subject] = append(s.heard[subject], e.Change.Version)
	return nil
}

func (s *subscriber) flush(_ context.Context, g invalidation.Gap) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushes[g.Reason]++
	return nil
}

func (s *subscriber) stop(ctx context.Context) error {
	defer s.conn.Close()
	return s.sub.Stop(ctx)
}

// missing are the committed versions that did not come, and disordered those
// that came after a later one of the same resource.
func (s *subscriber) account(committed map[string]map[int64]bool) (missing, disordered int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for subject, versions := range committed {
		got := map[int64]bool{}
		var last int64
		for _, v := range s.heard[subject] {
			if v < last {
				disordered++
			}
			last, got[v] = v, true
		}
		for v := range versions {
			if !got[v] {
				missing++
			}
		}
	}
	return missing, disordered
}
