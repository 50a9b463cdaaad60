package sessions

import (
	"context"

	"tandem.example/services/auth/internal/audit"
)

// Resume finishes up to a page of what others have begun and not finished, and
// removes as many rows of sessions that nobody can use any more. It tells whether
// there may be more to do.
//
// While another region's Redis is away nothing can be finished: whoever began has
// done what there is to do in this one.
func (s *Store) Resume(ctx context.Context) (more bool, err error) {
	if _, err := s.epochs.Everywhere(); err != nil {
		return false, err
	}
	open, err := s.rows.pending(ctx)
	if err != nil {
		return false, err
	}
	for _, t := range open {
		if _, err := s.goOn(ctx, t, ""); err != nil {
			return false, err
		}
	}
	over, err := s.rows.over(ctx)
	if err != nil || len(over) == 0 {
		return false, err
	}
	if _, err := Everywhere(ctx, s.epochs, finish(over)); err != nil {
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
	return s.goOn(ctx, target{kind: kindSubject, id: subject}, actor(ctx))
}

// goOn does the rest of an end that somebody has begun.
func (s *Store) goOn(ctx context.Context, t target, actor string) (int64, error) {
	e := end{target: t, event: eventOf(t)}
	e.event.Actor = actor
	if err := s.rows.touch(ctx, &e.target); err != nil {
		return 0, err
	}
	return s.endPages(ctx, &e)
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
