package clerk

import (
	"errors"
	"regexp"
	"strings"
	"time"
)

const (
	tokenLife   = 60 * time.Second
	clockLeeway = 10 * time.Second // Clerk sets nbf that much before iat
	sessionLife = 7 * 24 * time.Hour

	statusActive  = "active"
	statusEnded   = "ended"
	statusRevoked = "revoked"
)

var (
	errUserID = errors.New("user_id must match ^user_[A-Za-z0-9]+$")
	errOrgID  = errors.New("org_id must match ^org_[A-Za-z0-9]+$")
	errRole   = errors.New("org_role needs org_id and must match ^(org:)?[a-z][a-z0-9_]*$")
	errNone   = errors.New("no such session")
)

// Wish says what the session and its token are to be like. The zero value is an
// active session of a new user without an organisation.
type Wish struct {
	UserID    string `json:"user_id"`
	OrgID     string `json:"org_id"`
	OrgRole   string `json:"org_role"`   // with or without "org:"; member if empty
	ExpiresIn *int   `json:"expires_in"` // seconds; below zero the token has expired already

	// SessionID asks for another token of a session that there is. Only tests
	// can: the HTTP interface has no such member.
	SessionID string `json:"-"`
	Pending   bool   `json:"-"` // sts: the user has tasks to finish before it counts as signed in
}

// Token is a session token and what it is about.
type Token struct {
	JWT       string `json:"jwt"`
	SessionID string `json:"session_id"`
	UserID    string `json:"user_id"`
}

type session struct {
	id, client, user, status string
	created, updated         time.Time
}

// SessionToken signs in and gives the session's token.
func (s *Server) SessionToken(w Wish) (Token, error) {
	if err := w.check(); err != nil {
		return Token{}, err
	}
	now := time.Now()
	held, err := s.session(w, now)
	if err != nil {
		return Token{}, err
	}
	jwt, err := s.Sign(s.claims(w, held, now))
	return Token{JWT: jwt, SessionID: held.id, UserID: held.user}, err
}

func (w Wish) check() error {
	matches := func(pattern, text string) bool { return regexp.MustCompile(pattern).MatchString(text) }
	switch {
	case w.UserID != "" && !matches(`^user_[A-Za-z0-9]+$`, w.UserID):
		return errUserID
	case w.OrgID != "" && !matches(`^org_[A-Za-z0-9]+$`, w.OrgID):
		return errOrgID
	case w.OrgRole != "" && (w.OrgID == "" || !matches(`^(org:)?[a-z][a-z0-9_]*$`, w.OrgRole)):
		return errRole
	default:
		return nil
	}
}

func (s *Server) session(w Wish, now time.Time) (session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.SessionID != "" {
		held, ok := s.sessions[w.SessionID]
		if !ok {
			return session{}, errNone
		}
		return *held, nil
	}
	if w.UserID == "" {
		w.UserID = newID("user")
	}
	made := &session{id: newID("sess"), client: newID("client"), user: w.UserID, status: statusActive, created: now, updated: now}
	s.sessions[made.id] = made
	return *made, nil
}

// claims are those of version 2.
func (s *Server) claims(w Wish, held session, now time.Time) map[string]any {
	expires, issued := now.Add(tokenLife), now
	if w.ExpiresIn != nil {
		expires = now.Add(time.Duration(*w.ExpiresIn) * time.Second)
		if expires.Before(now.Add(time.Second)) {
			issued = expires.Add(-tokenLife)
		}
	}
	status := "active"
	if w.Pending {
		status = "pending"
	}
	claims := map[string]any{
		"v": 2, "iss": s.Issuer(), "azp": s.opts.AuthorizedParty, "sub": held.user, "sid": held.id, "sts": status,
		"iat": issued.Unix(), "nbf": issued.Add(-clockLeeway).Unix(), "exp": expires.Unix(),
		"jti": newID("jti"), "fva": []int{0, -1}, "pla": "u:free", "fea": "",
	}
	if w.OrgID != "" {
		role := strings.TrimPrefix(w.OrgRole, "org:")
		if role == "" {
			role = "member"
		}
		claims["o"] = map[string]any{"id": w.OrgID, "slg": strings.ToLower(strings.TrimPrefix(w.OrgID, "org_")), "rol": role}
	}
	return claims
}

// EndSession is what signing out does at Clerk; false if there is no such session.
func (s *Server) EndSession(id string) bool {
	_, ok := s.setStatus(id, statusEnded)
	return ok
}

// DeleteUser forgets a user with all sessions; false if there is none.
func (s *Server) DeleteUser(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := false
	for _, held := range s.sessions {
		if held.user == id {
			known = true
			delete(s.sessions, held.id)
		}
	}
	if known {
		s.announce("user.deleted", deletedUser{"user", id, true})
	}
	return known
}

// Ban marks a user as banned, which ends its sessions.
func (s *Server) Ban(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.banned[user] = true
	for _, held := range s.sessions {
		if held.user == user {
			s.finish(held, statusRevoked)
		}
	}
}

func (s *Server) setStatus(id, status string) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held, ok := s.sessions[id]
	if !ok {
		return session{}, false
	}
	s.finish(held, status)
	return *held, true
}

// finish ends a session and says so, once. The caller holds s.mu.
func (s *Server) finish(held *session, status string) {
	if held.status != statusActive {
		return
	}
	held.status, held.updated = status, time.Now()
	s.announce("session."+status, held.public())
}
