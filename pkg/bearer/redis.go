package bearer

import (
	"context"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/epoch"
)

// The keys that make tokens live. All of one subject share a slot; each has a
// TTL.

// TokenKey is there while the access token jti of sub has not been revoked.
func TokenKey(sub, jti string) string { return "auth:{" + sub + "}:t:" + jti }

// SessionKey is there while the session sid of sub has not ended.
func SessionKey(sub, sid string) string { return "auth:{" + sub + "}:s:" + sid }

// ClerkKey is there while Clerk's session or user with this id counts as seen
// and active. A session token needs both, so that one deletion ends all of a
// user's sessions, known or not.
func ClerkKey(id string) string { return "clerk:{" + id + "}" }

// ClerkRevokedKey is there while Clerk's session or user with this id must not
// be admitted again.
func ClerkRevokedKey(id string) string { return "clerk:{" + id + "}:revoked" }

// probe is the question whether a token is live, as one command.
type probe struct {
	cmd  *redis.IntCmd
	want int64
}

func probeOf(ctx context.Context, p *Principal) probe {
	if p.External {
		return probe{redis.NewIntCmd(ctx, "exists", ClerkKey(p.SessionID), ClerkKey(p.Subject)), 2}
	}
	return probe{redis.NewIntCmd(ctx, "exists", TokenKey(p.Subject, p.TokenID), SessionKey(p.Subject, p.SessionID)), 2}
}

// live reads the reply; before the trip has been made it is false.
func (p probe) live() (bool, error) {
	n, err := p.cmd.Result()
	return n == p.want, err
}

// Live tells in one round trip whether a verified token is still live. It
// returns nil, [ErrRevoked] or a 503.
func Live(ctx context.Context, e *epoch.Epoch, c *Claims) error {
	p := principalOf(c)
	ask := probeOf(ctx, &p)
	if err := e.Do(ctx, ask.cmd); err != nil {
		return err
	}
	if live, err := ask.live(); err != nil {
		return ErrUnread.Because(err)
	} else if !live {
		return ErrRevoked
	}
	return nil
}
