package coherent

import (
	"context"
	_ "embed"
	"time"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/epoch"
)

//go:embed drop.lua
var dropLua string

var dropScript = redis.NewScript(dropLua)

// A scope's cell keeps a note of the last writes that were unmarked there, so that
// the news of one of them does not end a generation that is younger than it. What
// is no longer noted costs a generation, and nothing else.
const (
	settledWrites = 128
	settledLife   = time.Minute
)

// News is what somebody says of a write that has taken effect.
type News struct {
	Token   string // of the operation, if it is known
	Version int64  // of the item since then
	Item    Cell   // or none
	Scopes  []Cell
}

// Drop makes the cache forget whatever may be older than a write of which it was
// told, and tells how many items and generations of lists that were. News can be
// wrong, late, repeated or out of order: since they only ever drop, no reader gets
// anything older for it. Of a write that came this way nothing is left to drop. It
// returns [epoch.ErrUnavailable], [epoch.ErrNotReady] and [epoch.ErrLapsed]; then
// it is to be called again.
func (c *Cache) Drop(ctx context.Context, news News) (dropped int64, err error) {
	e, err := c.cfg.Epochs.Current()
	if err != nil {
		return 0, err
	}
	cells := news.Scopes
	if news.Item != "" && news.Version > 1 { // nothing is older than the first
		cells = append([]Cell{news.Item}, cells...)
	}
	calls := make([]call, len(cells))
	for i, cell := range cells {
		calls[i] = call{dropScript, []string{cell.key(e.Number(), "v"), settledKey(e, cell)}, []any{news.Token, encodeVersion(news.Version)}}
	}
	for i, reply := range answers(ctx, e, calls) {
		n, err := reply.Int64()
		if err != nil {
			return dropped, epoch.Unavailable(err)
		}
		of := lists
		if cells[i] == news.Item {
			of = items
		}
		c.metrics.dropped[of].Add(float64(n))
		dropped += n
	}
	return dropped, e.Held()
}

func settledKey(e *epoch.Epoch, cell Cell) string { return cell.key(e.Number(), "d") }
