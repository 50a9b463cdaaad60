package clerksession

import (
	"strings"
	"time"

	"tandem.example/pkg/bearer"
)

// Session is what a verified token says.
type Session struct {
	ID      string // sess_…
	UserID  string // user_…
	OrgID   string // empty without an active organisation
	OrgRole string // with its prefix, as in org:admin
	Party   string // the origin the token was made for
	Actor   string // who impersonates the user, for audit
	Scopes  bearer.Scopes
	Expires time.Time
}

// Principal is the caller that the session stands for.
func (s Session) Principal() bearer.Principal {
	p := bearer.Principal{
		Subject: s.UserID, ClientID: s.Party, Tenant: s.UserID, SessionID: s.ID,
		Scopes: s.Scopes, Expires: s.Expires, Actor: s.Actor, External: true,
	}
	if s.OrgID != "" {
		p.Tenant = s.OrgID
	}
	p.Roles = s.roles()
	return p
}

func (s Session) roles() []string {
	if s.OrgRole == "" {
		return nil
	}
	return []string{s.OrgRole}
}

// IsSession tells whether s has the form of a session's id.
func IsSession(s string) bool { return identifier(s, "sess_") }

// IsUser tells whether s has the form of a user's id.
func IsUser(s string) bool { return identifier(s, "user_") }

// identifier accepts Clerk's ids and nothing that would change the meaning of a
// URL or a key.
func identifier(s, prefix string) bool {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok || rest == "" || len(s) > 128 {
		return false
	}
	for _, c := range []byte(rest) {
		word := c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !word {
			return false
		}
	}
	return true
}
