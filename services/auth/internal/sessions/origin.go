package sessions

import (
	"context"
	"strings"

	"tandem.example/pkg/epoch"
	"tandem.example/pkg/fault"
	"tandem.example/services/auth/internal/audit"
)

// Origins know whether the session elsewhere that one of ours was exchanged for
// still stands.
type Origins interface {
	// Standing asks past every cache. It returns a fault of kind Unauthenticated
	// if the session is over, and a 503 if that cannot be known.
	Standing(ctx context.Context, origin, subject string) error
}

// foreign begins the subjects whose sessions may have an origin: Clerk's users.
const foreign = "user_"

// confirm comes before a session is renewed. What has ended elsewhere it ends for
// good and returns ErrEnded; if that cannot be known it returns a 503, and the
// refresh token stays as it is. Most sessions have no origin and cost nothing.
func (s *Store) confirm(ctx context.Context, e *epoch.Epoch, t *refresh) error {
	if !strings.HasPrefix(t.subject, foreign) {
		return nil
	}
	origin, err := originOf(ctx, e, t)
	if err != nil || origin == "" {
		return err
	}
	if s.origins == nil {
		return ErrEnded // nobody is left who could be asked
	}
	err = s.origins.Standing(ctx, origin, t.subject)
	if err == nil || fault.KindOf(err) != fault.Unauthenticated {
		return err
	}
	event := audit.Event{Type: audit.SessionEnd, Actor: "clerk", Detail: map[string]string{"cause": fault.From(err).Code}}
	if _, err := s.endOne(ctx, t.subject, t.session.String(), t.end, event); err != nil {
		return err
	}
	return ErrEnded.Because(err)
}
