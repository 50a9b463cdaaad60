package sessions

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"tandem.example/pkg/bearer"
	"tandem.example/services/auth/internal/audit"
)

// Every end goes the same way: what is to end is committed (the generation, the
// tombstones, the line in the log), then Redis forgets it, in every region, then the
// rows go, then it is acknowledged. Each of these may be done again, so whoever did not hear
// the answer repeats the call, and the Sweeper finishes what nobody repeats. When
// one of them returns without an error, no instance accepts a token of what it
// has ended, and no login that was under way when it began brings one back.
// Otherwise it has happened, or will, or can be repeated; the count is of what
// this call has ended.

// EndSession ends a session with all its tokens and tells how many it ended: none
// if it had ended before.
func (s *Store) EndSession(ctx context.Context, subject, sessionID string) (int64, error) {
	return s.endOne(ctx, subject, sessionID, s.now().Add(s.lives.Absolute), audit.Event{Type: audit.SessionEnd, Actor: actor(ctx)})
}

// EndOwn is [Store.EndSession] for an id that somebody says is a session of the
// subject's. It returns [ErrUnknown] if it is none.
func (s *Store) EndOwn(ctx context.Context, subject, sessionID string) (int64, error) {
	if uuid.Validate(sessionID) != nil {
		return 0, ErrUnknown
	}
	return s.endOne(ctx, subject, sessionID, time.Time{}, audit.Event{Type: audit.SessionEnd, Actor: actor(ctx)})
}

// EndSubject ends all sessions of a subject, but the excepted one if that is not
// empty, together with a change of the caller's if that is not nil, and tells how
// many it ended. A login of the subject that is under way fails; one that begins
// when the change has been committed does not.
func (s *Store) EndSubject(ctx context.Context, subject, except string, change Change) (int64, error) {
	e := end{target: target{kind: kindSubject, id: subject}, change: change}
	if except != "" {
		var err error
		if e.except, err = uuid.Parse(except); err != nil {
			return 0, err
		}
	}
	e.event = audit.Event{Type: audit.UserEndSessions, Actor: actor(ctx), Subject: subject}
	return s.endMany(ctx, &e)
}

// EndClient is [Store.EndSubject] for all sessions of a client, whoever's they
// are. A login that has read the client before the change, from a cache for
// instance, and begins after it, is not stopped by it: where that can be, the end
// comes after the last such reading.
func (s *Store) EndClient(ctx context.Context, clientID string, change Change) (int64, error) {
	e := end{target: target{kind: kindClient, id: clientID}, change: change}
	e.event = audit.Event{Type: audit.ClientEnd, Actor: actor(ctx), ClientID: clientID}
	return s.endMany(ctx, &e)
}

// EndOrigin ends all sessions that were exchanged for a session of Clerk's, and
// tells how many it ended. The change, which is not nil, buries that session: this
// is what makes an exchange fail that is under way.
func (s *Store) EndOrigin(ctx context.Context, origin string, change Change) (int64, error) {
	e := end{target: target{kind: kindOrigin, id: origin}, change: change}
	e.event = audit.Event{Type: audit.SessionEnd, Actor: "clerk"}
	return s.endMany(ctx, &e)
}

// EndAll ends every session. A login that is under way fails.
func (s *Store) EndAll(ctx context.Context) (int64, error) {
	e := end{target: target{kind: kindAll}, event: audit.Event{Type: audit.CutOff, Actor: actor(ctx)}}
	return s.endMany(ctx, &e)
}

// EndBefore ends every session that began before the cut-off, by the database's
// clock. It returns [ErrFuture] if that is still to come.
func (s *Store) EndBefore(ctx context.Context, cutOff time.Time) (int64, error) {
	e := end{target: target{kind: kindBefore, before: cutOff}, event: audit.Event{Type: audit.CutOff, Actor: actor(ctx)}}
	return s.endMany(ctx, &e)
}

func (s *Store) endMany(ctx context.Context, e *end) (int64, error) {
	if err := s.rows.begin(ctx, e); err != nil {
		return 0, err
	}
	s.at("end begun")
	return s.endPages(ctx, e)
}

// endPages goes on with an end that has begun.
func (s *Store) endPages(ctx context.Context, e *end) (total int64, _ error) {
	var away error // of another region; in this one it goes on
	for {
		found, more, err := s.rows.next(ctx, e)
		if err != nil {
			return total, err
		}
		n, err := s.finish(ctx, found)
		total += n
		switch {
		case errors.Is(err, ErrElsewhere):
			away = err
		case err != nil:
			return total, err
		}
		if !more {
			break
		}
		if err := s.rows.touch(ctx, &e.target); err != nil {
			return total, err
		}
	}
	if away != nil {
		return total, away
	}
	_ = s.rows.done(ctx, &e.target) // the end is complete without it, and the sweeper does it too
	return total, nil
}

func (s *Store) endOne(ctx context.Context, subject, sessionID string, until time.Time, event audit.Event) (int64, error) {
	id, err := uuid.Parse(sessionID)
	if err != nil {
		return 0, err
	}
	one := ended{id, subject}
	if err := s.rows.buryOne(ctx, one, until, event); err != nil {
		return 0, err
	}
	return s.finish(ctx, []ended{one})
}

// finish is what comes after the commit.
func (s *Store) finish(ctx context.Context, found []ended) (int64, error) {
	s.at("end committed")
	n, err := Everywhere(ctx, s.epochs, finish(found))
	if err != nil {
		return n, err
	}
	s.at("end in redis")
	if len(found) > 0 {
		_ = s.rows.forget(ctx, found) // the end is complete without it, and the sweeper does it too
	}
	s.at("end complete")
	return n, nil
}

// actor is who asks for an end, as far as the request says.
func actor(ctx context.Context) string {
	p, err := bearer.From(ctx)
	if err != nil {
		return ""
	}
	return p.Subject
}
