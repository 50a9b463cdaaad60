package sessions

import (
	"context"

	"tandem.example/services/auth/internal/audit"
)

// Resume finishes up to a page of what others have begun and not finished, and
// removes as many rows of sessions that nobody can use any more. It tells whether
// there may be more to do.
func (s *Store) Resume(ctx context.Context) (more bool, err error) {
	open, err := s.rows.pending(ctx)
	if err != nil {
		return false, err
	}
	for _, t := range open {
		e := end{target: t, event: eventOf(t)}
		found, more, err := s.rows.next(ctx, &e)
		if _, err := s.endPages(ctx, &e, found, more, err); err != nil {
			return false, err
		}
	}
	over, err := s.rows.over(ctx)
	if err != nil || len(over) == 0 {
		return false, err
	}
	e, err := s.epochs.Current()
	if err != nil {
		return false, err
	}
	if _, err := finish(ctx, e, over); err != nil {
		return false, err
	}
	return len(over) == page, s.rows.forget(ctx, over)
}

// FinishSubject ends in Redis too what is over of a subject's sessions, whoever
// ended it, and tells how many were live: an end that was committed may have been
// left there.
func (s *Store) FinishSubject(ctx context.Context, subject string) (int64, error) {
	left, err := s.rows.outdated(ctx, subject)
	if err != nil || !left {
		return 0, err
	}
	t := target{kind: kindSubject, id: subject}
	e := end{target: t, event: eventOf(t)}
	e.event.Actor = actor(ctx)
	found, more, err := s.rows.next(ctx, &e)
	return s.endPages(ctx, &e, found, more, err)
}

// eventOf is what the log says of an end, but for who wanted it.
func eventOf(t target) audit.Event {
	switch t.kind {
	case kindSubject:
		return audit.Event{Type: audit.UserEndSessions, Subject: t.id}
	case kindClient:
		return audit.Event{Type: audit.ClientEnd, ClientID: t.id}
	default:
		return audit.Event{Type: audit.CutOff}
	}
}
