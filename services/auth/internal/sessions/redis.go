package sessions

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/epoch"
)

//go:embed create.lua
var createLua string

//go:embed rotate.lua
var rotateLua string

var (
	createScript = redis.NewScript(createLua)
	rotateScript = redis.NewScript(rotateLua)
)

// reusedKey is there after a session was ended because one of its refresh tokens
// came back, for as long as the session could have lived.
func reusedKey(sub, sid string) string { return "auth:{" + sub + "}:r:" + sid }

// family is the session's hash. Its members have short names because there is
// one per login: cl client, sc scope, te tenant, ro roles, au audience, dl device
// label, or origin, cr created, lu last used; of a refreshable session also g
// generation, d digest, p previous digest, pt its time, ax absolute end. Times
// are ms.
func (i *Issued) family(first *refresh, created time.Time) []any {
	now := created.UnixMilli()
	fields := []any{
		"cl", i.ClientID, "sc", string(i.Scopes), "te", i.Tenant, "ro", strings.Join(i.Roles, " "),
		"au", i.Audience, "cr", now, "lu", now,
	}
	if i.Device != "" {
		fields = append(fields, "dl", i.Device)
	}
	if i.Origin != "" {
		fields = append(fields, "or", i.Origin)
	}
	if first != nil {
		fields = append(fields, "g", first.generation, "d", first.digest(), "ax", first.end.UnixMilli())
	}
	return fields
}

// create returns ErrMoved if the session has been ended already.
func create(ctx context.Context, e *epoch.Epoch, i *Issued, first *refresh, created time.Time, life, access time.Duration) error {
	keys := []string{
		bearer.SessionKey(i.Subject, i.SessionID), bearer.TokenKey(i.Subject, i.TokenID), endedKey(i.Subject, i.SessionID),
	}
	args := append([]any{life.Milliseconds(), access.Milliseconds()}, i.family(first, created)...)
	made, err := createScript.Run(ctx, e.Redis(), keys, args...).Bool()
	if err != nil {
		return fmt.Errorf("create session: %w", epoch.Unavailable(err))
	}
	if err := e.Held(); err != nil {
		return err
	}
	if !made {
		return ErrMoved
	}
	return nil
}

// trade is one attempt to use a refresh token.
type trade struct {
	shown   *refresh
	next    *refresh
	client  string
	terms   *Terms
	tokenID string
	lives   Lives
	access  time.Duration
}

// rotate returns what the session grants under the terms and how long the new
// access token lives, or ErrEnded, ErrClient, ErrScope, ErrTarget or ErrReused;
// after the last the session is gone from Redis.
func rotate(ctx context.Context, e *epoch.Epoch, t *trade) (Grant, time.Duration, error) {
	sub := t.shown.subject
	sid := t.shown.session.String()
	keys := []string{bearer.SessionKey(sub, sid), bearer.TokenKey(sub, t.tokenID), reusedKey(sub, sid)}
	args := []any{
		t.client, t.shown.generation, t.shown.digest(), t.next.digest(), string(t.terms.Want),
		grace.Milliseconds(), t.lives.Idle.Milliseconds(), t.access.Milliseconds(), string(t.terms.Scopes),
	}
	for _, audience := range t.terms.Audiences {
		args = append(args, audience)
	}
	reply, err := rotateScript.Run(ctx, e.Redis(), keys, args...).Slice()
	if err != nil {
		return Grant{}, 0, fmt.Errorf("rotate refresh token: %w", epoch.Unavailable(err))
	}
	if err := e.Held(); err != nil {
		return Grant{}, 0, err
	}
	text := func(i int) string { s, _ := reply[i].(string); return s }
	switch text(0) {
	case "ok":
		access, _ := reply[1].(int64)
		return Grant{
			Subject: sub, ClientID: t.client, Refreshable: true, Scopes: bearer.Scopes(text(2)),
			Tenant: text(3), Roles: strings.Fields(text(4)), Audience: text(5),
		}, time.Duration(access) * time.Millisecond, nil
	case "client":
		return Grant{}, 0, ErrClient
	case "scope":
		return Grant{}, 0, ErrScope
	case "target":
		return Grant{}, 0, ErrTarget
	case "reused":
		return Grant{}, 0, ErrReused
	default:
		return Grant{}, 0, ErrEnded
	}
}

// remove deletes one key and tells whether it was there.
func remove(key string) func(context.Context, *epoch.Epoch) (int64, error) {
	return func(ctx context.Context, e *epoch.Epoch) (int64, error) {
		del := redis.NewIntCmd(ctx, "del", key)
		if err := e.Do(ctx, del); err != nil {
			return 0, err
		}
		return del.Val(), nil
	}
}

// originOf is what the session was exchanged for, or nothing.
func originOf(ctx context.Context, e *epoch.Epoch, t *refresh) (string, error) {
	ask := redis.NewStringCmd(ctx, "hget", bearer.SessionKey(t.subject, t.session.String()), "or")
	err := e.Do(ctx, ask)
	return ask.Val(), err
}

// current tells whether the refresh token is the session's current one, and what
// the session grants.
func current(ctx context.Context, e *epoch.Epoch, t *refresh) (Grant, time.Time, bool, error) {
	ask := redis.NewSliceCmd(ctx, "hmget", bearer.SessionKey(t.subject, t.session.String()),
		"cl", "g", "d", "sc", "te", "ro", "au", "cr")
	if err := e.Do(ctx, ask); err != nil {
		return Grant{}, time.Time{}, false, err
	}
	reply := ask.Val()
	text := func(i int) string { s, _ := reply[i].(string); return s }
	g := Grant{
		Subject: t.subject, ClientID: text(0), Scopes: bearer.Scopes(text(3)), Tenant: text(4),
		Roles: strings.Fields(text(5)), Audience: text(6), Refreshable: true,
	}
	created, err := strconv.ParseInt(text(7), 10, 64)
	same := text(1) == strconv.FormatUint(uint64(t.generation), 10) && text(2) == string(t.digest())
	return g, time.UnixMilli(created), same && err == nil, nil
}
