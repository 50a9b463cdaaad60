package app_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack/clerk"
)

// caller is somebody with a token.
type caller struct {
	claims bearer.Claims
	token  string
}

// caller signs a token, which is live if it ought to be. Everybody has a tenant
// of their own unless changed.
func (w world) caller(tb testing.TB, changes ...func(*bearer.Claims)) caller {
	tb.Helper()
	now := time.Now()
	c := caller{claims: bearer.Claims{
		Issuer: issuer, Audience: bearer.Audience{audience}, Subject: "user-" + uuid.NewString(), ClientID: "web",
		ID: uuid.NewString(), SessionID: uuid.NewString(), Tenant: "tenant-" + uuid.NewString(),
		Scopes: "resources:read resources:write", IssuedAt: now.Unix(), Expires: now.Add(10 * time.Minute).Unix(),
	}}
	for _, change := range changes {
		change(&c.claims)
	}
	var err error
	if c.token, err = w.keys.Sign(c.claims); err != nil {
		tb.Fatal(err)
	}
	w.enliven(tb, c.claims)
	return c
}

// enliven does what a login does.
func (w world) enliven(tb testing.TB, c bearer.Claims) {
	tb.Helper()
	eventually(tb, patience, "the token is live", func() (bool, string) { // Redis may be another since the last call
		pipe := w.redis.Pipeline()
		pipe.Set(tb.Context(), bearer.TokenKey(c.Subject, c.ID), "1", 10*time.Minute)
		pipe.HSet(tb.Context(), bearer.SessionKey(c.Subject, c.SessionID), "g", 1)
		pipe.Expire(tb.Context(), bearer.SessionKey(c.Subject, c.SessionID), 10*time.Minute)
		_, err := pipe.Exec(tb.Context())
		return err == nil, fmt.Sprint(err)
	})
}

// revoke does what the last step of a revocation does.
func (w world) revoke(tb testing.TB, c caller) {
	tb.Helper()
	if err := w.redis.Del(tb.Context(), bearer.TokenKey(c.claims.Subject, c.claims.ID)).Err(); err != nil {
		tb.Fatal(err)
	}
}

func inTenant(tenant string) func(*bearer.Claims) {
	return func(c *bearer.Claims) { c.Tenant = tenant }
}

func withScopes(scopes string) func(*bearer.Claims) {
	return func(c *bearer.Claims) { c.Scopes = bearer.Scopes(scopes) }
}

// visitor is somebody who comes with a session token of Clerk.
func (w world) visitor(tb testing.TB, wish clerk.Wish) (caller, clerk.Token) {
	tb.Helper()
	token, err := w.stack.Clerk.SessionToken(wish)
	if err != nil {
		tb.Fatal(err)
	}
	return caller{token: token.JWT}, token
}

// sessionClaims are what Clerk's stand-in would sign for a session.
func (w world) sessionClaims(session clerk.Token, changes map[string]any) map[string]any {
	now := time.Now()
	claims := map[string]any{
		"v": 2, "iss": w.stack.ClerkIssuer, "azp": w.stack.Clerk.AuthorizedParty(), "sub": session.UserID, "sid": session.SessionID,
		"sts": "active", "iat": now.Unix(), "nbf": now.Add(-10 * time.Second).Unix(), "exp": now.Add(time.Minute).Unix(),
	}
	maps.Copy(claims, changes)
	return claims
}
