package clerksession

import (
	"context"
	"errors"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/epoch"
)

const (
	// seenFor bounds how long a session counts as active without asking again.
	seenFor = 5 * time.Minute
	// doubtFor is how long Clerk is not asked again about a session that it does
	// not call active but that may still become so.
	doubtFor = 2 * time.Second
)

// Graves knows which sessions and users were ended; *bearer.Tombstones does.
type Graves interface {
	Buried(ctx context.Context, kinds []bearer.Kind, ids ...string) (bool, error)
}

// Door lets Clerk's own session tokens in as bearer tokens: it is the guard's
// [bearer.External]. A session is checked in full on first sight and then found
// in Redis.
type Door struct {
	verifier *Verifier
	backend  *Backend
	graves   Graves
}

// NewDoor makes a door.
func NewDoor(verifier *Verifier, backend *Backend, graves Graves) *Door {
	return &Door{verifier, backend, graves}
}

// Issued implements [bearer.External].
func (d *Door) Issued(raw string) bool { return d.verifier.Issued(raw) }

// Verify implements [bearer.External].
func (d *Door) Verify(ctx context.Context, raw string) (bearer.Principal, error) {
	s, err := d.verifier.Verify(ctx, raw)
	if err != nil {
		return bearer.Principal{}, err
	}
	return s.Principal(), nil
}

// Admit implements [bearer.External].
func (d *Door) Admit(ctx context.Context, e *epoch.Epoch, p *bearer.Principal) error {
	if err := d.Ask(ctx, e, p); err != nil {
		return err
	}
	return see(ctx, e, p.SessionID, p.Subject)
}

// Ask is [Door.Check] of a token's session. That a session is over is remembered
// for as long as the token could ask again; that it is active is not.
func (d *Door) Ask(ctx context.Context, e *epoch.Epoch, p *bearer.Principal) error {
	if err := refused(ctx, e, p.SessionID, p.Subject); err != nil {
		return err
	}
	err := d.Check(ctx, p.SessionID, p.Subject)
	switch {
	case errors.Is(err, errFinal):
		remember(ctx, e, p.SessionID, min(max(time.Until(p.Expires)+leeway, doubtFor), seenFor))
	case errors.Is(err, ErrEnded):
		remember(ctx, e, p.SessionID, doubtFor)
	}
	return err
}

// Check asks everybody who knows about a session, past every cache: first our
// own tombstones, so that whoever asks after a webhook was acknowledged is told
// of it, whatever an answer of Clerk's says that was under way before. It
// returns [bearer.ErrRevoked], [ErrEnded] or a 503.
func (d *Door) Check(ctx context.Context, sessionID, userID string) error {
	kinds := []bearer.Kind{bearer.KindClerkSession, bearer.KindClerkUser}
	buried, err := d.graves.Buried(ctx, kinds, sessionID, userID)
	if err != nil {
		return err
	}
	if buried {
		return bearer.ErrRevoked
	}
	return d.backend.Active(ctx, sessionID, userID)
}
