package sessions

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/epoch"
)

// endedKey is there after a session has ended, for as long as a login may take to
// bring it here: its row may have been made, and found by the end, before Redis
// has heard of it.
func endedKey(sub, sid string) string { return "auth:{" + sub + "}:x:" + sid }

const (
	// settle is how long a login may take from its row to Redis' answer. One that
	// took longer is not answered, and nobody knows its tokens.
	settle = 30 * time.Second
	// noted is how long an end is remembered: settle, and as much again for clocks
	// that run unevenly.
	noted = 2 * settle
)

// finish makes a Redis forget sessions that have ended and tells how many of them
// were live (model: enter.pml, DELETE). After that no reply for which the epoch is held can find them.
func finish(page []ended) func(context.Context, *epoch.Epoch) (int64, error) {
	return func(ctx context.Context, e *epoch.Epoch) (live int64, _ error) {
		cmds := make([]redis.Cmder, 0, 2*len(page))
		for _, s := range page {
			sid := s.ID.String()
			cmds = append(cmds,
				redis.NewStatusCmd(ctx, "set", endedKey(s.Subject, sid), "1", "px", noted.Milliseconds()), // first
				redis.NewIntCmd(ctx, "del", bearer.SessionKey(s.Subject, sid)))
		}
		if len(cmds) == 0 {
			return 0, nil
		}
		if err := e.Do(ctx, cmds...); err != nil {
			return 0, err
		}
		for i := 1; i < len(cmds); i += 2 {
			if del, ok := cmds[i].(*redis.IntCmd); ok {
				live += del.Val()
			}
		}
		return live, nil
	}
}
