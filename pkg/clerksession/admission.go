package clerksession

import (
	"context"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/epoch"
)

// seenFor bounds how long a session counts as active without asking again.
const seenFor = 5 * time.Minute

// Graves knows which sessions were revoked; *bearer.Tombstones does.
type Graves interface {
	Buried(ctx context.Context, kind bearer.Kind, id string) (bool, error)
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
	if err := d.Check(ctx, p.SessionID, p.Subject); err != nil {
		return err
	}
	return see(ctx, e, p.SessionID)
}

// Check asks everybody who knows about a session, past every cache. It returns
// [bearer.ErrRevoked], [ErrEnded] or a 503.
func (d *Door) Check(ctx context.Context, sessionID, userID string) error {
	buried, err := d.graves.Buried(ctx, bearer.KindClerkSession, sessionID)
	if err != nil {
		return err
	}
	if buried {
		return bearer.ErrRevoked
	}
	return d.backend.Active(ctx, sessionID, userID)
}
