package sessions

import (
	"context"
	"fmt"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/services/auth/internal/audit"
)

// EndRefresh ends the session of a refresh token of the client, whichever
// generation it is of. For anything else it does nothing.
func (s *Store) EndRefresh(ctx context.Context, raw, client string) (int64, error) {
	t, err := s.refresh.parse(raw)
	if err != nil || t.client != client {
		return 0, nil //nolint:nilerr // RFC 7009 §2.2: an invalid token is as good as revoked
	}
	event := audit.Event{Type: audit.SessionEnd, Actor: client}
	return s.endOne(ctx, t.subject, t.session.String(), t.end, event)
}

// EndToken ends one access token, at the wish of its client, and leaves its
// session.
func (s *Store) EndToken(ctx context.Context, c *bearer.Claims) (int64, error) {
	stone := bearer.Tombstone{Kind: bearer.KindToken, ID: c.ID, Subject: c.Subject, Expires: time.Unix(c.Expires, 0).Add(lag)}
	event := audit.Event{
		Type: audit.TokenRevoke, Actor: c.ClientID, Subject: c.Subject, ClientID: c.ClientID, SessionID: c.SessionID, Tenant: c.Tenant,
		Detail: map[string]string{audit.DetailTokenID: c.ID},
	}
	if err := s.rows.buryToken(ctx, stone, event); err != nil {
		return 0, err
	}
	s.at("end committed")
	n, err := Everywhere(ctx, s.epochs, remove(bearer.TokenKey(c.Subject, c.ID)))
	if err != nil {
		return 0, fmt.Errorf("end token: %w", err)
	}
	s.at("end in redis")
	return n, nil
}
