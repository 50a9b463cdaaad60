// Package audit keeps the log of everything that was tried and done: who, what,
// when, from where, and how it ended.
//
// It promises that what changes something is in the log exactly if the change
// is: both are one transaction. It holds no secret, no token and no password,
// and nothing that a caller wrote without a known form.
package audit

import (
	"context"
	"time"

	"github.com/google/uuid"

	"tandem.example/pkg/fault"
	"tandem.example/pkg/httpserver"
	"tandem.example/pkg/telemetry"
)

// Type says what was tried. It is part of a NATS subject.
type Type string

// The types.
const (
	TokenIssue      Type = "token.issue"
	TokenRefresh    Type = "token.refresh"
	TokenRevoke     Type = "token.revoke"
	SessionEnd      Type = "session.end"         // one session
	UserEndSessions Type = "user.end_sessions"   // all of a subject's
	ClientEnd       Type = "client.end_sessions" // all of a client's
	CutOff          Type = "cut_off"             // everybody's before a time
	UserCreate      Type = "user.create"
	UserUpdate      Type = "user.update"
	UserPassword    Type = "user.password"
	ClientCreate    Type = "client.create"
	ClientUpdate    Type = "client.update"
	ClientSecret    Type = "client.rotate_secret"
	ClientRefused   Type = "client.refused" // its authentication failed
	ClerkNotice     Type = "clerk.notice"   // a webhook
)

// Event is one line of the log. Whoever makes it fills what it knows of the
// first group; [New] adds the rest.
type Event struct {
	Type      Type
	Reason    string // the stable code of the refusal; empty for a success
	Actor     string // who did it: a subject, or a client for itself
	Subject   string // whom it was done to
	ClientID  string
	SessionID string
	Tenant    string
	Detail    map[string]string // few words of a known form: the grant, a count, a role

	ID        uuid.UUID // v7, also the id of the announcement
	At        time.Time
	Address   string // of the caller
	RequestID string
}

// New completes an event from the request that ctx belongs to.
func New(ctx context.Context, e Event) Event {
	e.ID, e.At = uuid.Must(uuid.NewV7()), time.Now()
	if addr := httpserver.AddrOf(ctx); addr.IsValid() {
		e.Address = addr.String()
	}
	e.RequestID, _ = ctx.Value(telemetry.RequestIDKey{}).(string)
	return e
}

// ReasonOf is the code of a refusal, or nothing for a success.
func ReasonOf(err error) string {
	if err == nil {
		return ""
	}
	return fault.From(err).Code
}
