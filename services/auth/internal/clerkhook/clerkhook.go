// Package clerkhook hears from Clerk that a session or a user has ended.
//
// It promises that what Clerk was answered with a 200 has ended here too, at
// every instance and whatever becomes of Redis: the session tokens of Clerk's and
// all sessions of ours that were exchanged for them. Ending is all that it does,
// so an event that comes twice, late or out of order brings nothing back. What
// cannot be done is a 503, after which Clerk sends the event again.
package clerkhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/fault"
	"tandem.example/services/auth/internal/audit"
	"tandem.example/services/auth/internal/sessions"
)

// The refusals.
var (
	ErrSignature = fault.New(fault.Invalid, "webhook_signature", "the request does not carry a current signature of Clerk's")
	ErrEvent     = fault.New(fault.Invalid, "webhook_event", "the event does not have the form that Clerk gives it")
)

// buriedFor is how long the end of a session or user of Clerk's is kept. Clerk
// itself knows of it from then on; this bridges its being behind, and a Redis
// that was lost. It is far more than a session token lives.
const buriedFor = 24 * time.Hour

// Ports are what the hook needs of others.
type (
	// Sessions end those of ours, together with a change of the database;
	// *sessions.Store does. Both may be repeated.
	Sessions interface {
		EndOrigin(ctx context.Context, origin string, change sessions.Change) (int64, error)
		EndSubject(ctx context.Context, subject, except string, change sessions.Change) (int64, error)
	}
	// Deliveries remember what has been delivered; *Postgres does.
	Deliveries interface {
		Finished(ctx context.Context, id string) (bool, error)
		Change(d Delivery, stone bearer.Tombstone, event audit.Event) sessions.Change
		Finish(ctx context.Context, id string) error
	}
	// Journal keeps what was refused; *audit.Batch does.
	Journal interface{ Add(e audit.Event) }
	// Epochs gives the Redis of every region; *epoch.Regions is one.
	Epochs = sessions.Epochs
)

// Delivery is one event under the id that all its repetitions share.
type Delivery struct {
	ID    string
	Event Event
}

// Hook acts on events. It is safe for concurrent use.
type Hook struct {
	sessions   Sessions
	deliveries Deliveries
	epochs     Epochs
}

// NewHook makes a hook.
func NewHook(sessions Sessions, deliveries Deliveries, epochs Epochs) *Hook {
	return &Hook{sessions, deliveries, epochs}
}

// Take does what the delivery says and tells how many sessions of ours it ended.
// A delivery that was finished before does nothing. One that was committed and
// not finished, because the process or Redis died in between, is done again.
func (h *Hook) Take(ctx context.Context, d Delivery) (int64, error) {
	finished, err := h.deliveries.Finished(ctx, d.ID)
	if err != nil || finished {
		return 0, err
	}
	stone := d.Event.tombstone(time.Now())
	change := h.deliveries.Change(d, stone, d.notice(ctx))
	var ended int64
	if d.Event.Session != "" {
		ended, err = h.sessions.EndOrigin(ctx, d.Event.Session, change)
	} else {
		ended, err = h.sessions.EndSubject(ctx, d.Event.User, "", change)
	}
	if err == nil || errors.Is(err, sessions.ErrElsewhere) { // here Clerk's own tokens end all the same
		err = errors.Join(err, h.enforce(ctx, stone))
	}
	if err == nil {
		err = h.deliveries.Finish(ctx, d.ID)
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", d.Event.Type, err)
	}
	return ended, nil
}

// enforce ends Clerk's own tokens, at every instance of every region.
func (h *Hook) enforce(ctx context.Context, stone bearer.Tombstone) error {
	_, err := sessions.Everywhere(ctx, h.epochs, func(ctx context.Context, e *epoch.Epoch) (int64, error) {
		return 0, bearer.Enforce(ctx, e, stone)
	})
	return err
}

func (e Event) tombstone(now time.Time) bearer.Tombstone {
	stone := bearer.Tombstone{Kind: bearer.KindClerkUser, ID: e.User, Subject: e.User, Expires: now.Add(buriedFor)}
	if e.Session != "" {
		stone.Kind, stone.ID = bearer.KindClerkSession, e.Session
	}
	return stone
}

func (d Delivery) notice(ctx context.Context) audit.Event {
	return audit.New(ctx, audit.Event{
		Type: audit.ClerkNotice, Actor: "clerk", Subject: d.Event.User, SessionID: d.Event.Session,
		Detail: map[string]string{"event": d.Event.Type, "delivery": d.ID},
	})
}
