package invalidation_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"

	"tandem.example/pkg/invalidation"
)

// prices is a map that another service keeps of resources it has read. An event
// drops one entry; when events were missed, all go.
type prices struct {
	mu   sync.Mutex
	byID map[string]int
}

func (p *prices) drop(_ context.Context, e invalidation.Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.byID, e.Change.ID)
	return nil
}

func (p *prices) dropAll(context.Context, invalidation.Gap) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.byID)
	return nil
}

// A service follows the changes of one type for as long as it runs.
func ExampleSubscribe() {
	run := func(ctx context.Context, nc *nats.Conn, p *prices) error {
		sub, err := invalidation.Subscribe(ctx, nc, invalidation.Options{
			Durable: "shop-1", // one name per process that keeps a map
			Types:   []string{"price"},
			Flush:   p.dropAll,
			Report:  func(err error) { fmt.Println("invalidation:", err) },
		}, p.drop)
		if err != nil {
			return err
		}
		<-ctx.Done() // serve; sub.Err() belongs into the readiness probe
		return sub.Stop(context.WithoutCancel(ctx))
	}
	_ = run // needs a NATS server
}
