package bearer

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/epoch"
)

// replayPage bounds the memory and the pipeline of one step of a replay.
const replayPage = 1000

// Replay ends again, in a Redis that may remember older days, all that has been
// revoked: it is an [epoch.Recovery]. It writes before the epoch is held, which
// is safe because it only ever ends things. It may run again, and twice at once.
func (t *Tombstones) Replay(ctx context.Context, e *epoch.Epoch) error {
	var last Tombstone
	for {
		page, err := t.After(ctx, last, replayPage)
		if err != nil {
			return fmt.Errorf("replay tombstones: %w", err)
		}
		if len(page) == 0 {
			return nil
		}
		_, err = e.Redis().Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for _, s := range page {
				s.apply(ctx, pipe)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("replay tombstones: %w", epoch.Unavailable(err))
		}
		last = page[len(page)-1]
	}
}

// apply queues what the tombstone means in Redis.
func (s Tombstone) apply(ctx context.Context, pipe redis.Pipeliner) {
	switch s.Kind {
	case KindToken:
		pipe.Del(ctx, TokenKey(s.Subject, s.ID))
	case KindSession:
		pipe.Del(ctx, SessionKey(s.Subject, s.ID))
	case KindClerkSession:
		pipe.Set(ctx, ClerkRevokedKey(s.ID), "1", max(time.Until(s.Expires), time.Second))
		pipe.Del(ctx, ClerkKey(s.ID))
	}
}
