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
	var cells []Cell
	if news.Item != "" && news.Version > 1 { // nothing is older than the first
		cells = append(cells, news.Item)
		if c.cfg.Current != nil {
			cells = append(cells, news.Item.away())
		}
	}
	own := len(cells)
	cells = append(cells, news.Scopes...)
	calls := make([]call, len(cells))
	for i, cell := range cells {
		calls[i] = dropping(e, cell, news.Token, news.Version)
	}
	for i, reply := range answers(ctx, e, calls) {
		n, err := reply.Int64()
		if err != nil {
			return dropped, epoch.Unavailable(err)
		}
		switch {
		case i >= own:
			c.metrics.dropped[lists].Add(float64(n))
		case i == 0:
			c.metrics.dropped[items].Add(float64(n))
		default: // news are what that one lives by
			c.metrics.outdated.Add(float64(n))
			continue
		}
		dropped += n
	}
	return dropped, e.Held()
}

func dropping(e *epoch.Epoch, cell Cell, token string, version int64) call {
	return call{dropScript, []string{cell.key(e.Number(), "v"), settledKey(e, cell)}, []any{token, encodeVersion(version)}}
}

func settledKey(e *epoch.Epoch, cell Cell) string { return cell.key(e.Number(), "d") }
