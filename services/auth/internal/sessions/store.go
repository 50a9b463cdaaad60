package sessions

import (
	"context"
	"errors"
	mathrand "math/rand/v2"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/epoch"
	"tandem.example/services/auth/internal/audit"
)

// Epochs gives the Redis that counts now, and that of every region; *epoch.Regions
// is one.
type Epochs interface {
	Current() (*epoch.Epoch, error)
	Everywhere() ([]*epoch.Epoch, error)
}

// Store begins, renews and ends sessions. It is safe for concurrent use.
type Store struct {
	epochs  Epochs
	rows    *Rows
	refresh *Refresher
	lives   Lives
	origins Origins // nil: there are none
	lab
}

// lab is what only tests change, before the store is used: the clock, and what
// happens between two steps.
type lab struct {
	now func() time.Time
	at  func(step string)
}

// NewStore makes a store. Origins may be nil.
func NewStore(epochs Epochs, rows *Rows, refresh *Refresher, lives Lives, origins Origins) *Store {
	return &Store{epochs, rows, refresh, lives, origins, lab{time.Now, func(string) {}}}
}

// access is shortened at random, so that tokens issued together do not all come
// back together.
func (s *Store) access() time.Duration {
	return s.lives.Access - mathrand.N(s.lives.Access/20+1) //nolint:gosec // against herds, not a secret
}

// Refresh trades a refresh token of the client for the next one and an access
// token, with what the terms leave of the session's scopes. It returns
// [ErrMalformed], [ErrClient], [ErrScope] if that is nothing, [ErrTarget],
// [ErrEnded], [ErrReused] after the session has been ended for good, or a 503. What
// is refused for its terms is not traded: it can be shown again under others. Of a
// token that is ours it tells with the error whose it is.
func (s *Store) Refresh(ctx context.Context, raw, client string, terms Terms) (Issued, error) {
	shown, err := s.refresh.parse(raw)
	if err != nil {
		return Issued{}, err
	}
	whose := Issued{Grant: Grant{Subject: shown.subject}, SessionID: shown.session.String()}
	if shown.client != client {
		return whose, ErrClient
	}
	e, err := s.epochs.Current()
	if err != nil {
		return Issued{}, err
	}
	if err := s.confirm(ctx, e, &shown); err != nil {
		return Issued{}, err
	}
	next := shown.successor()
	i := Issued{SessionID: shown.session.String(), TokenID: newID(), IssuedAt: s.now(), Refresh: s.refresh.encode(&next)}
	var access time.Duration
	i.Grant, access, err = rotate(ctx, e, &trade{
		shown: &shown, next: &next, client: client, terms: &terms, tokenID: i.TokenID, lives: s.lives, access: s.access(),
	})
	s.at("refresh in redis")
	if errors.Is(err, ErrReused) { // gone from Redis; now for good
		event := audit.Event{Type: audit.SessionEnd, Actor: client, Detail: map[string]string{"cause": ErrReused.Code}}
		if _, err := s.endOne(ctx, shown.subject, i.SessionID, shown.end, event); err != nil {
			return Issued{}, err
		}
	}
	if err != nil {
		return whose, err
	}
	i.Expires = i.IssuedAt.Add(access)
	return i, nil
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
