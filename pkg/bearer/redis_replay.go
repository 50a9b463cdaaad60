package bearer

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/epoch"
)

const (
	// replayPage bounds the memory and the pipeline of one step of a replay.
	replayPage = 1000
	// replayWithin bounds one step, so that a server which went silent is noticed.
	// All of them together take as long as there are tombstones.
	replayWithin = 10 * time.Second
	// markFor is how long Redis says of a Clerk session that it must not be
	// admitted: longer than a check of it can be under way that began before the
	// tombstone could be seen.
	markFor = 10 * time.Minute
)

// Replay ends again, in a Redis that may remember older days, all that has been
// revoked: it is an [epoch.Recovery]. It writes before the epoch is held, which
// is safe because it only ever ends things. It may run again, and twice at once.
func (t *Tombstones) Replay(ctx context.Context, e *epoch.Epoch) error {
	var last Tombstone
	for more := true; more; {
		var err error
		if last, more, err = t.replay(ctx, e, last); err != nil {
			return fmt.Errorf("replay tombstones: %w", err)
		}
	}
	return nil
}

// replay is one step.
func (t *Tombstones) replay(ctx context.Context, e *epoch.Epoch, last Tombstone) (_ Tombstone, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, replayWithin)
	defer cancel()
	page, err := t.After(ctx, last, replayPage)
	if err != nil || len(page) == 0 {
		return last, false, err
	}
	return page[len(page)-1], true, enforce(ctx, e, page)
}

// Enforce does in Redis what the tombstones say: the second half of a
// revocation. When it returns nil, nothing of theirs is accepted any more; a 503
// says that it is not known.
func Enforce(ctx context.Context, e *epoch.Epoch, stones ...Tombstone) error {
	if err := enforce(ctx, e, stones); err != nil {
		return fmt.Errorf("enforce tombstones: %w", err)
	}
	return e.Held()
}

func enforce(ctx context.Context, e *epoch.Epoch, stones []Tombstone) error {
	_, err := e.Redis().Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, s := range stones {
			s.apply(ctx, pipe)
		}
		return nil
	})
	return epoch.Unavailable(err)
}

// apply queues what the tombstone means in Redis.
func (s Tombstone) apply(ctx context.Context, pipe redis.Pipeliner) {
	switch s.Kind {
	case KindToken:
		pipe.Del(ctx, TokenKey(s.Subject, s.ID))
	case KindSession:
		pipe.Del(ctx, SessionKey(s.Subject, s.ID))
	case KindClerkSession, KindClerkUser:
		pipe.Set(ctx, ClerkRevokedKey(s.ID), "1", min(max(time.Until(s.Expires), time.Second), markFor))
		pipe.Del(ctx, ClerkKey(s.ID))
	}
}
