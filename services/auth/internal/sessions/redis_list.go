package sessions

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/epoch"
)

// used keeps those of a subject's sessions that live, and notes when each was
// last used.
func used(ctx context.Context, regions []*epoch.Epoch, subject string, all []Session) ([]Session, error) {
	live := make([]Session, 0, len(all))
	if len(all) == 0 {
		return live, nil
	}
	for _, e := range regions {
		if err := lastUsed(ctx, e, subject, all); err != nil {
			return nil, err
		}
	}
	for _, s := range all {
		if !s.LastUsed.IsZero() {
			live = append(live, s)
		}
	}
	return live, nil
}

// lastUsed notes it of the sessions that live in a region.
func lastUsed(ctx context.Context, e *epoch.Epoch, subject string, all []Session) error {
	asked := make([]*redis.StringCmd, len(all))
	cmds := make([]redis.Cmder, len(all))
	for i, s := range all {
		asked[i] = redis.NewStringCmd(ctx, "hget", bearer.SessionKey(subject, s.ID.String()), "lu")
		cmds[i] = asked[i]
	}
	if err := e.Do(ctx, cmds...); err != nil {
		return err
	}
	for i := range all {
		if ms, err := asked[i].Int64(); err == nil {
			all[i].LastUsed = time.UnixMilli(ms)
		}
	}
	return nil
}
