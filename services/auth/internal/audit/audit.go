// Package audit keeps the log of everything that was tried and done: who, what,
// when, from where, and how it ended.
//
// It promises that what changes something is in the log exactly if the change
// is: both are one transaction; that what is in the log is announced on NATS at
// least once; and that an entry holds no secret, no token and no password, and
// nothing that a caller wrote without a known form.
//
// Ids are UUIDs of version 7, and the time of an entry is the one in its id: the
// clock of the instance where it happened. So one order serves pages, periods
// and retention, and a page that was read once never changes its place.
package audit

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"tandem.example/pkg/fault"
	"tandem.example/pkg/httpserver"
	"tandem.example/pkg/telemetry"
)

// Event is one line of the log, in the form that the query and the announcement
// have. Whoever makes it fills what it knows of the first group, before or after
// [New] adds the rest.
type Event struct {
	Type      Type              `json:"type"`
	Reason    string            `json:"reason"`  // the stable code of the refusal; empty for a success
	Actor     string            `json:"actor"`   // who did it: a subject, or a client for itself
	Subject   string            `json:"subject"` // whom it was done to
	ClientID  string            `json:"client_id"`
	SessionID string            `json:"session_id"`
	Tenant    string            `json:"tenant"`
	Detail    map[string]string `json:"detail"` // few words of a known form: the grant, a count, a role

	ID        uuid.UUID `json:"id"`      // v7, also the id of the announcement
	At        time.Time `json:"at"`      // to the millisecond, as in ID
	Outcome   string    `json:"outcome"` // a failure has a reason
	Address   string    `json:"address"` // of the caller
	RequestID string    `json:"request_id"`
}

// The outcomes.
const (
	Success = "success"
	Failure = "failure"
)

// New completes an event from the request that ctx belongs to.
func New(ctx context.Context, e Event) Event {
	e.ID = uuid.Must(uuid.NewV7()) // fails only without randomness, as everything here would
	e.At = timeOf(e.ID)
	if addr := httpserver.AddrOf(ctx); addr.IsValid() {
		e.Address = addr.String()
	}
	e.RequestID, _ = ctx.Value(telemetry.RequestIDKey{}).(string)
	return e
}

// timeOf reads a UUID of version 7 (RFC 9562 §5.7).
func timeOf(id uuid.UUID) time.Time { return time.Unix(id.Time().UnixTime()).UTC() }

// floorOf is the least id of an instant.
func floorOf(t time.Time) (id uuid.UUID) {
	ms := uint64(max(t.UnixMilli(), 0))
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	id[6], id[8] = 0x70, 0x80
	return id
}

// ReasonOf is the code of a refusal, or nothing for a success. It is the most
// exact one in err's chain, which the caller is not always told.
func ReasonOf(err error) string {
	if err == nil {
		return ""
	}
	reason := fault.From(err).Code
	for err != nil {
		f, ok := errors.AsType[*fault.Error](err)
		if !ok {
			break
		}
		reason, err = f.Code, f.Unwrap()
	}
	return reason
}
