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
func used(ctx context.Context, e *epoch.Epoch, subject string, all []Session) ([]Session, error) {
	live := make([]Session, 0, len(all))
	if len(all) == 0 {
		return live, nil
	}
	asked := make([]*redis.StringCmd, len(all))
	cmds := make([]redis.Cmder, len(all))
	for i, s := range all {
		asked[i] = redis.NewStringCmd(ctx, "hget", bearer.SessionKey(subject, s.ID.String()), "lu")
		cmds[i] = asked[i]
	}
	if err := e.Do(ctx, cmds...); err != nil {
		return nil, err
	}
	for i, s := range all {
		if ms, err := asked[i].Int64(); err == nil {
			s.LastUsed = time.UnixMilli(ms)
			live = append(live, s)
		}
	}
	return live, nil
}
