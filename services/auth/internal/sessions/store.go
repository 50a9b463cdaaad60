package sessions

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/google/uuid"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/epoch"
)

// Epochs gives the Redis that counts now; *epoch.Keeper is one.
type Epochs interface {
	Current() (*epoch.Epoch, error)
}

// Graves is the durable half of ending; *bearer.Tombstones is one.
type Graves interface {
	Bury(ctx context.Context, stones ...bearer.Tombstone) error
}

// Store begins, renews and ends sessions. It is safe for concurrent use.
type Store struct {
	epochs  Epochs
	graves  Graves
	refresh *Refresher
	lives   Lives
}

// NewStore makes a store.
func NewStore(epochs Epochs, graves Graves, refresh *Refresher, lives Lives) *Store {
	return &Store{epochs, graves, refresh, lives}
}

// Begin is the first step of a login, before its credentials are looked at: the
// session can be made only in the Redis that is the current one now. Another
// might not know that the credentials have changed meanwhile.
func (s *Store) Begin() (*epoch.Epoch, error) { return s.epochs.Current() }

// Create makes the session and its first access token live. It returns
// [ErrMoved], or a 503 after which nothing that was made is known to anybody.
func (s *Store) Create(ctx context.Context, e *epoch.Epoch, g Grant) (Issued, error) {
	i := Issued{Grant: g, SessionID: newID(), TokenID: newID(), IssuedAt: time.Now()}
	access := s.access()
	life, first := access, (*refresh)(nil)
	if g.Refreshable {
		var err error
		if first, err = firstRefresh(&i, s.lives.Absolute); err != nil {
			return Issued{}, err
		}
		access = min(access, s.lives.Absolute)
		life = min(s.lives.Absolute, max(s.lives.Idle, access))
		i.Refresh = s.refresh.encode(first)
	}
	i.Expires = i.IssuedAt.Add(access)
	if err := create(ctx, e, &i, first, life, access); err != nil {
		return Issued{}, err
	}
	return i, nil
}

func firstRefresh(i *Issued, absolute time.Duration) (*refresh, error) {
	id, err := uuid.Parse(i.SessionID)
	if err != nil {
		return nil, err
	}
	if len(i.Subject) > maxName || len(i.ClientID) > maxName {
		return nil, errors.New("subject or client id is too long for a refresh token")
	}
	t := &refresh{session: id, end: i.IssuedAt.Add(absolute).Truncate(time.Second), subject: i.Subject, client: i.ClientID}
	_, _ = rand.Read(t.secret[:]) // never fails
	return t, nil
}

// access is shortened at random, so that tokens issued together do not all come
// back together.
func (s *Store) access() time.Duration {
	return s.lives.Access - mathrand.N(s.lives.Access/20+1) //nolint:gosec // against herds, not a secret
}

// Refresh trades a refresh token of the client for the next one and an access
// token, with all scopes of the session or those that are wanted. It returns
// [ErrMalformed], [ErrClient], [ErrScope], [ErrEnded], [ErrReused] after the
// session has been ended for good, or a 503.
func (s *Store) Refresh(ctx context.Context, raw, client string, want bearer.Scopes) (Issued, error) {
	shown, err := s.refresh.parse(raw)
	if err != nil {
		return Issued{}, err
	}
	if shown.client != client {
		return Issued{}, ErrClient
	}
	e, err := s.epochs.Current()
	if err != nil {
		return Issued{}, err
	}
	next := shown.successor()
	i := Issued{SessionID: shown.session.String(), TokenID: newID(), IssuedAt: time.Now(), Refresh: s.refresh.encode(&next)}
	var access time.Duration
	i.Grant, access, err = rotate(ctx, e, &trade{
		shown: &shown, next: &next, client: client, tokenID: i.TokenID, want: want, lives: s.lives, access: s.access(),
	})
	if errors.Is(err, ErrReused) { // gone from Redis; now for good
		if err := s.bury(ctx, shown.subject, i.SessionID, shown.end); err != nil {
			return Issued{}, err
		}
	}
	if err != nil {
		return Issued{}, err
	}
	if want != "" {
		i.Scopes = want
	}
	i.Expires = i.IssuedAt.Add(access)
	return i, nil
}

func (s *Store) bury(ctx context.Context, subject, sessionID string, end time.Time) error {
	return s.graves.Bury(ctx, bearer.Tombstone{
		Kind: bearer.KindSession, ID: sessionID, Subject: subject, Expires: end.Add(lag),
	})
}

// lag is added to a tombstone's life: Redis' clock may run behind ours.
const lag = 5 * time.Minute

// End ends a session with all its tokens and tells how many it ended: none if it
// had ended before. When it returns without an error, no instance accepts them.
func (s *Store) End(ctx context.Context, subject, sessionID string) (int64, error) {
	return s.end(ctx, subject, sessionID, time.Now().Add(s.lives.Absolute))
}

func (s *Store) end(ctx context.Context, subject, sessionID string, until time.Time) (int64, error) {
	if err := s.bury(ctx, subject, sessionID, until); err != nil {
		return 0, err
	}
	return s.remove(ctx, bearer.SessionKey(subject, sessionID))
}

// EndRefresh ends the session of a refresh token of the client, whichever
// generation it is of. For anything else it does nothing.
func (s *Store) EndRefresh(ctx context.Context, raw, client string) (int64, error) {
	t, err := s.refresh.parse(raw)
	if err != nil || t.client != client {
		return 0, nil //nolint:nilerr // RFC 7009 §2.2: an invalid token is as good as revoked
	}
	return s.end(ctx, t.subject, t.session.String(), t.end)
}

// EndToken ends one access token and leaves its session.
func (s *Store) EndToken(ctx context.Context, subject, tokenID string, expires time.Time) (int64, error) {
	err := s.graves.Bury(ctx, bearer.Tombstone{Kind: bearer.KindToken, ID: tokenID, Subject: subject, Expires: expires.Add(lag)})
	if err != nil {
		return 0, err
	}
	return s.remove(ctx, bearer.TokenKey(subject, tokenID))
}

func (s *Store) remove(ctx context.Context, key string) (int64, error) {
	e, err := s.epochs.Current()
	if err != nil {
		return 0, err
	}
	n, err := remove(ctx, e, key)
	if err != nil {
		return 0, fmt.Errorf("end: %w", err)
	}
	return n, nil
}

// Live tells whether the access token is live. It returns [bearer.ErrRevoked]
// or a 503.
func (s *Store) Live(ctx context.Context, c *bearer.Claims) error {
	e, err := s.epochs.Current()
	if err != nil {
		return err
	}
	return bearer.Live(ctx, e, c)
}

// Inspect tells what a refresh token of the client grants. It returns
// [ErrMalformed], [ErrClient], [ErrEnded] unless it is the current one of a live
// session, or a 503. It changes nothing.
func (s *Store) Inspect(ctx context.Context, raw, client string) (Issued, error) {
	t, err := s.refresh.parse(raw)
	if err != nil {
		return Issued{}, err
	}
	if t.client != client {
		return Issued{}, ErrClient
	}
	e, err := s.epochs.Current()
	if err != nil {
		return Issued{}, err
	}
	g, created, ok, err := current(ctx, e, &t)
	if err != nil {
		return Issued{}, err
	}
	if !ok || g.ClientID != client {
		return Issued{}, ErrEnded
	}
	return Issued{Grant: g, SessionID: t.session.String(), IssuedAt: created, Expires: t.end}, nil
}
