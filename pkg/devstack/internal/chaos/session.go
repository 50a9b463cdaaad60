package chaos

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// auth is the way to the instances of the auth service.
type auth struct {
	asker      *asker
	urls       func() string // one of them, another each time
	id, secret string        // of the OAuth client
}

// grant is what tokens are asked for with.
type grant = url.Values

func machine() grant {
	return grant{"grant_type": {"client_credentials"}, "scope": {"resources:read resources:write"}}
}

func person(login, password string) grant {
	return grant{"grant_type": {"password"}, "username": {login}, "password": {password}}
}

func again(refresh string) grant {
	return grant{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
}

// tokens are what a grant brought.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// issue asks for tokens once.
func (a *auth) issue(ctx context.Context, g grant) (t tokens, status int) {
	got := a.asker.form(ctx, a.urls()+"/token", a.id, a.secret, maps.Clone(g))
	a.asker.tally.count("token: "+g.Get("grant_type"), got, got.outcome())
	if got.status == http.StatusOK && json.Unmarshal(got.body, &t) != nil {
		return tokens{}, 0
	}
	return t, got.status
}

// session is a token that many clients share, and that is replaced when it is
// refused: a Redis that lost its data has logged everybody out.
type session struct {
	*auth
	grant grant

	mu   sync.Mutex // guards held; kept while one client gets the next
	held tokens
}

// get gives a token other than the one that was refused, or "" when ctx ends.
func (s *session) get(ctx context.Context, refused string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.held.Access == refused {
		if !s.renew(ctx) && !pause(ctx, 100*time.Millisecond) {
			return ""
		}
	}
	return s.held.Access
}

// renew refreshes, if there is something to refresh, and begins a new session
// otherwise.
func (s *session) renew(ctx context.Context) bool {
	if refresh := s.held.Refresh; refresh != "" {
		s.held.Refresh = "" // whatever comes of it: an answer that is lost has used it up
		if t, status := s.issue(ctx, again(refresh)); status == http.StatusOK {
			s.held = t
			return true
		}
	}
	t, status := s.issue(ctx, s.grant)
	if status == http.StatusOK {
		s.held = t
	}
	return status == http.StatusOK
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
