package chaos

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// session is a token that many clients share, and that is replaced when it is
// refused: a Redis that lost its data has logged everybody out.
type session struct {
	asker          *asker
	auth           string
	user, password string // of the OAuth client
	grant          url.Values

	mu    sync.Mutex // guards token; held while one client gets the next
	token string
}

// get gives a token other than the one that was refused, or "" when ctx ends.
func (s *session) get(ctx context.Context, refused string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.token == refused {
		token, ok := s.issue(ctx)
		if ok {
			s.token = token
			break
		}
		if !pause(ctx, 100*time.Millisecond) {
			return ""
		}
	}
	return s.token
}

// issue gets a token of its own.
func (s *session) issue(ctx context.Context) (string, bool) {
	got := s.asker.form(ctx, s.auth+"/token", s.user, s.password, s.grant)
	s.asker.tally.count("token", got, got.outcome())
	var body struct {
		Token string `json:"access_token"`
	}
	return body.Token, got.status == http.StatusOK && json.Unmarshal(got.body, &body) == nil && body.Token != ""
}

// pause waits, and tells whether ctx still goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
