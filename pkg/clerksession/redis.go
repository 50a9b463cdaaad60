package clerksession

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/epoch"
)

//go:embed see.lua
var seeLua string

var seeScript = redis.NewScript(seeLua)

// over is what the marker of a session says whose end only Clerk told us of.
const over = "over"

// see notes that a session and its user are active, unless one of them was
// revoked meanwhile. A request needs both notes, so it does no harm if only one
// of them is made.
func see(ctx context.Context, e *epoch.Epoch, sessionID, userID string) error {
	notes := make([]*redis.Cmd, 0, 2)
	_, err := e.Redis().Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, id := range [...]string{userID, sessionID} { // each in a slot of its own
			keys := []string{bearer.ClerkKey(id), bearer.ClerkRevokedKey(id)}
			notes = append(notes, seeScript.Eval(ctx, pipe, keys, seenFor.Milliseconds()))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note clerk session: %w", epoch.Unavailable(err))
	}
	if err := e.Held(); err != nil {
		return err
	}
	for _, note := range notes {
		if seen, err := note.Bool(); err != nil || !seen {
			return bearer.ErrRevoked
		}
	}
	return nil
}

// refused tells of a session that is known to be over. It returns
// [bearer.ErrRevoked], [ErrEnded] or a 503.
func refused(ctx context.Context, e *epoch.Epoch, sessionID, userID string) error {
	session := redis.NewStringCmd(ctx, "get", bearer.ClerkRevokedKey(sessionID))
	user := redis.NewStringCmd(ctx, "get", bearer.ClerkRevokedKey(userID))
	if err := e.Do(ctx, session, user); err != nil {
		return err
	}
	switch {
	case session.Val() == over:
		return ErrEnded
	case session.Val() != "" || user.Val() != "":
		return bearer.ErrRevoked
	default:
		return nil
	}
}

// remember spares Clerk the same question for a while. A note that is lost costs
// one more.
func remember(ctx context.Context, e *epoch.Epoch, sessionID string, d time.Duration) {
	note := redis.NewStatusCmd(ctx, "set", bearer.ClerkRevokedKey(sessionID), over, "px", d.Milliseconds(), "nx")
	_ = e.Do(ctx, note)
}
