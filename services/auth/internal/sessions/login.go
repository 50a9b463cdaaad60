package sessions

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/google/uuid"

	"tandem.example/pkg/epoch"
	"tandem.example/services/auth/internal/audit"
)

// Login is an attempt to begin a session. What it holds was read before anything
// was checked, so a change that comes after it, even one that the checks did not
// see, keeps the session from being made.
type Login struct {
	// The session can be made only in the Redis that was the current one then.
	epoch  *epoch.Epoch
	client string
	before generations
}

// Begin is the first step of a login, before the client and the subject are looked
// at. Of the subject it is the client itself that is known, if any.
func (s *Store) Begin(ctx context.Context, client string) (*Login, error) {
	e, err := s.epochs.Current()
	if err != nil {
		return nil, err
	}
	before, err := s.rows.generations(ctx, client, client)
	if err != nil {
		return nil, err
	}
	return &Login{e, client, before}, nil
}

// Generation is that of a subject. It is read before, or in the same statement
// as, what decides whether the subject may sign in, and goes into
// [Grant.Generation].
func (s *Store) Generation(ctx context.Context, subject string) (int64, error) {
	g, err := s.rows.generations(ctx, subject, "")
	return g.subject, err
}

// Own is the generation of a subject that is the client itself.
func (l *Login) Own() int64 { return l.before.subject }

// Epoch is the Redis in which the session can be made.
func (l *Login) Epoch() *epoch.Epoch { return l.epoch }

// Create makes the session and its first access token live. It returns
// [ErrMoved], or a 503 after which nothing that was made is known to anybody.
func (s *Store) Create(ctx context.Context, l *Login, g Grant) (Issued, error) {
	if g.ClientID != l.client {
		return Issued{}, errors.New("the login was begun by another client")
	}
	i := Issued{Grant: g, SessionID: newID(), TokenID: newID(), IssuedAt: s.now()}
	access := s.access()
	life, first := access, (*refresh)(nil)
	if g.Refreshable {
		life = s.lives.Absolute
		access = min(access, life)
	}
	event := audit.New(ctx, audit.Event{
		Type: audit.TokenIssue, Actor: cmp.Or(g.Actor, g.Subject), Subject: g.Subject, ClientID: g.ClientID, SessionID: i.SessionID,
		Tenant: g.Tenant, Detail: map[string]string{"grant": g.Via},
	})
	before := l.before
	before.subject = g.Generation
	begun := time.Now()
	created, err := s.rows.insert(ctx, &i, before, life, &event)
	if err != nil {
		return Issued{}, err
	}
	s.at("login committed")
	if g.Refreshable {
		if first, err = firstRefresh(&i, created.Add(life)); err != nil {
			return Issued{}, err
		}
		i.Refresh = s.refresh.encode(first)
		life = min(life, max(s.lives.Idle, access))
	}
	i.Expires = i.IssuedAt.Add(access)
	if err := create(ctx, l.epoch, &i, first, created, life, access); err != nil {
		return Issued{}, err
	}
	s.at("login in redis")
	if time.Since(begun) > settle { // an end that came between may have been forgotten by now
		return Issued{}, errLate
	}
	return i, nil
}

func firstRefresh(i *Issued, end time.Time) (*refresh, error) {
	id, err := uuid.Parse(i.SessionID)
	if err != nil {
		return nil, err
	}
	if len(i.Subject) > maxName || len(i.ClientID) > maxName {
		return nil, errors.New("subject or client id is too long for a refresh token")
	}
	t := &refresh{session: id, end: end.Truncate(time.Second), subject: i.Subject, client: i.ClientID}
	_, _ = rand.Read(t.secret[:]) // never fails
	return t, nil
}
