package clerksession

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/epoch"
)

//go:embed see.lua
var seeLua string

var seeScript = redis.NewScript(seeLua)

// see notes that a session is active, unless it was revoked meanwhile.
func see(ctx context.Context, e *epoch.Epoch, sessionID string) error {
	keys := []string{bearer.ClerkKey(sessionID), bearer.ClerkRevokedKey(sessionID)}
	seen, err := seeScript.Run(ctx, e.Redis(), keys, seenFor.Milliseconds()).Bool()
	if err != nil {
		return fmt.Errorf("note clerk session: %w", epoch.Unavailable(err))
	}
	if err := e.Held(); err != nil {
		return err
	}
	if !seen {
		return bearer.ErrRevoked
	}
	return nil
}
