package sessions

import (
	"context"
	"encoding/base64"
	"time"

	"github.com/google/uuid"
)

// Session is one of a subject's, as they are shown it.
type Session struct {
	ID       uuid.UUID
	ClientID string
	Device   string
	Created  time.Time
	LastUsed time.Time // when it was begun or last refreshed
}

// listed bounds a page of a list.
const listed = 100

// List gives the live sessions of a subject, the newest first, and where to go on
// from, which is empty at the end. A page may have less than there is room for.
// It returns [ErrCursor] or a 503.
func (s *Store) List(ctx context.Context, subject, cursor string) ([]Session, string, error) {
	before, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	regions, err := s.epochs.Everywhere() // each session lives in one of them
	if err != nil {
		return nil, "", err
	}
	all, err := s.rows.list(ctx, subject, before)
	if err != nil {
		return nil, "", err
	}
	if len(all) == listed {
		last := all[len(all)-1].ID
		cursor = base64.RawURLEncoding.EncodeToString(last[:])
	} else {
		cursor = ""
	}
	live, err := used(ctx, regions, subject, all)
	return live, cursor, err
}

// parseCursor gives the id that the page comes before; at first, the last of all.
func parseCursor(s string) (id uuid.UUID, err error) {
	if s == "" {
		return uuid.Max, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != len(id) {
		return id, ErrCursor
	}
	return uuid.UUID(raw), nil
}
