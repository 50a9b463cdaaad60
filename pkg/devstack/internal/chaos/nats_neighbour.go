package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"tandem.example/pkg/examples/mirror"
	"tandem.example/pkg/invalidation"
)

// neighbour is another service, which begins late and keeps what it has read in a
// map of its own, by events alone.
type neighbour struct {
	*hand
	documents   *mirror.Map
	url         string // of NATS
	failed      error
	conn        *nats.Conn
	sub         *invalidation.Subscription
	reads, hits atomic.Int64
}

// follow begins when a third of the campaign is over, and reads until ctx ends.
func (n *neighbour) follow(ctx context.Context, late time.Duration, caFile string) {
	if !pause(ctx, late) {
		return
	}
	if n.conn, n.failed = dial(n.url, caFile); n.failed != nil {
		return
	}
	// It goes on after ctx, for what is said of the end.
	n.sub, n.failed = n.documents.Follow(context.WithoutCancel(ctx), n.conn, "neighbour", itemType, func(error) {})
	for n.failed == nil && pause(ctx, time.Millisecond) {
		if id := n.slots[n.r.IntN(slots)].now.Load(); id != nil {
			_, hit, _ := n.documents.Get(ctx, *id) // a source that does not answer is one of the faults
			n.reads.Add(1)
			if hit {
				n.hits.Add(1)
			}
		}
	}
}

// Read implements [mirror.Source].
func (n *neighbour) Read(ctx context.Context, id string) (mirror.Document, error) {
	got := n.targets.send(ctx, n.asker, n.targets.any(n.r, n.asker.clock), http.MethodGet, "/"+id, n.token, "")
	var it resource
	switch {
	case got.outcome() == absent:
		return mirror.Document{}, mirror.ErrNotFound
	case got.status == http.StatusUnauthorized:
		n.token = n.get(ctx, n.token)
	case got.status == http.StatusOK && json.Unmarshal(got.body, &it) == nil:
		return mirror.Document{Version: it.Version, Body: got.body}, nil
	}
	return mirror.Document{}, fmt.Errorf("status %d", got.status)
}

// compare looks at the map when all is over: what it holds is to be what the
// database holds, once the last event has been heard.
func (n *neighbour) compare(ctx context.Context, t truth) (held int, stale []string) {
	if n.sub == nil {
		return 0, nil
	}
	for began := time.Now(); ; {
		hits := 0
		stale = nil
		for _, id := range sortedKeys(n.log.keys) {
			doc, hit, _ := n.documents.Get(ctx, id) // likewise
			if hit {
				hits++
			}
			if hit && doc.Version != t.versions[id] {
				stale = append(stale, fmt.Sprintf("%s: version %d in the neighbour's map, %d in the database", id, doc.Version, t.versions[id]))
			}
		}
		if held == 0 {
			held = hits // what it found was read only now
		}
		if len(stale) == 0 || time.Since(began) > settlePatience || !pause(ctx, 100*time.Millisecond) {
			return held, stale
		}
	}
}

func (n *neighbour) stop(ctx context.Context) error {
	if n.sub == nil {
		return n.failed
	}
	defer n.conn.Close()
	return n.sub.Stop(ctx)
}

const neighbourClient = 99 // in histories

func newNeighbour(ctx context.Context, t *traders, r *rand.Rand) *neighbour {
	n := &neighbour{hand: t.hand(ctx, neighbourClient, r)}
	n.documents = mirror.New(n, 1000)
	return n
}
