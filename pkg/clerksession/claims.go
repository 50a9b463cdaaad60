package clerksession

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"tandem.example/pkg/bearer"
)

// claims are the members that the policy reads for itself, since the SDK drops
// or reinterprets them.
type claims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Session  string   `json:"sid"`
	Party    string   `json:"azp"`
	Status   string   `json:"sts"`
	Expiry   *float64 `json:"exp"`
	Audience audience `json:"aud"`
	Version  int      `json:"v"`
	Org      struct {
		ID   string `json:"id"`
		Role string `json:"rol"` // without its prefix
	} `json:"o"`
	OrgID   string `json:"org_id"` // version 1
	OrgRole string `json:"org_role"`
	Actor   struct {
		Subject string `json:"sub"`
	} `json:"act"`
}

// audience takes a string or an array of them.
type audience []string

// UnmarshalJSON implements [json.Unmarshaler].
func (a *audience) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		*a = audience{""}
		return json.Unmarshal(text, &(*a)[0])
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// judge applies everything that the SDK leaves open.
func (c *claims) judge(cfg *Config) (Session, error) {
	switch {
	case c.Issuer != cfg.Issuer:
		return Session{}, bearer.ErrIssuer
	case c.Expiry == nil, !IsUser(c.Subject), !IsSession(c.Session):
		return Session{}, bearer.ErrClaims
	case c.Status != "" && c.Status != "active":
		return Session{}, ErrPending
	case !c.partyAllowed(cfg):
		return Session{}, ErrParty
	case len(c.Audience) > 0 && (cfg.Audience == "" || !slices.Contains(c.Audience, cfg.Audience)):
		return Session{}, bearer.ErrAudience
	}
	s := Session{ID: c.Session, UserID: c.Subject, Party: c.Party, Actor: c.Actor.Subject, Expires: time.Unix(int64(*c.Expiry), 0)}
	switch c.Version {
	case 0, 1:
		s.OrgID, s.OrgRole = c.OrgID, c.OrgRole
	case 2: // a top-level org_id in a version 2 token is not Clerk's
		s.OrgID, s.OrgRole = c.Org.ID, c.Org.Role
	default:
		return Session{}, bearer.ErrClaims
	}
	s.OrgRole = role(s.OrgID, s.OrgRole)
	if s.OrgID != "" && !identifier(s.OrgID, "org_") || s.OrgRole != "" && !roleForm.MatchString(s.OrgRole) {
		return Session{}, bearer.ErrClaims
	}
	return s, nil
}

// roleForm is one word: the roles of a session are kept side by side.
var roleForm = regexp.MustCompile(`^org:[A-Za-z0-9_:.-]{1,128}$`)

// role has its prefix in the end, which version 2 and the oldest roles of version
// 1 leave out. Without an organisation there is none.
func role(org, name string) string {
	if org == "" || name == "" {
		return ""
	}
	return "org:" + strings.TrimPrefix(name, "org:")
}

func (c *claims) partyAllowed(cfg *Config) bool {
	if c.Party == "" {
		return cfg.AllowNoParty
	}
	return slices.Contains(cfg.AuthorizedParties, c.Party)
}
