package bearer

import (
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Claims is the payload of an access token (RFC 9068 §2.2). Times are seconds
// since 1970.
type Claims struct {
	Issuer    string   `json:"iss"`
	Audience  Audience `json:"aud"`
	Subject   string   `json:"sub"`
	ClientID  string   `json:"client_id"`
	ID        string   `json:"jti"`
	SessionID string   `json:"sid"`
	Tenant    string   `json:"tenant"`
	Scopes    Scopes   `json:"scope"`
	Roles     []string `json:"roles,omitempty"`
	IssuedAt  int64    `json:"iat"`
	NotBefore int64    `json:"nbf,omitzero"`
	Expires   int64    `json:"exp"`
}

// Scopes is a list of scope names separated by single spaces (RFC 6749 §3.3),
// kept as the token has it.
type Scopes string

// Has tells whether name is in the list.
func (s Scopes) Has(name string) bool {
	for word := range strings.SplitSeq(string(s), " ") {
		if word == name {
			return true
		}
	}
	return false
}

// Covers tells whether every scope of other is in the list.
func (s Scopes) Covers(other Scopes) bool {
	for _, name := range other.Names() {
		if !s.Has(name) {
			return false
		}
	}
	return true
}

// And is the part of the list that other has too, in the list's order.
func (s Scopes) And(other Scopes) Scopes {
	names := slices.DeleteFunc(s.Names(), func(name string) bool { return !other.Has(name) })
	return Scopes(strings.Join(names, " "))
}

// Or is the list and what other has beside it.
func (s Scopes) Or(other Scopes) Scopes {
	names := s.Names()
	for _, name := range other.Names() {
		if !s.Has(name) {
			names = append(names, name)
		}
	}
	return Scopes(strings.Join(names, " "))
}

// ScopeName tells whether s is one scope-token of RFC 6749 §3.3, of a length
// that fits into a token.
func ScopeName(s string) bool {
	other := func(r rune) bool { return r < 0x21 || r > 0x7e || r == '"' || r == '\\' }
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, other)
}

// Names is the list as a slice.
func (s Scopes) Names() []string { return strings.Fields(string(s)) }

// Audience is who a token is for. On the wire it is one string or an array of
// them (RFC 7519 §4.1.3).
type Audience []string //nolint:recvcheck // decoding needs a pointer, reading does not

// Has tells whether name is one of them.
func (a Audience) Has(name string) bool {
	return slices.Contains(a, name)
}

// UnmarshalJSONFrom takes both forms.
func (a *Audience) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '"' {
		return json.UnmarshalDecode(dec, (*[]string)(a))
	}
	one, err := dec.ReadToken()
	if err == nil {
		*a = Audience{one.String()}
	}
	return err
}

// MarshalJSONTo writes a single audience as a string.
func (a Audience) MarshalJSONTo(enc *jsontext.Encoder) error {
	if len(a) == 1 {
		return enc.WriteToken(jsontext.String(a[0]))
	}
	return json.MarshalEncode(enc, []string(a))
}

// skew is how far another server's clock may run ahead of ours.
const skew = time.Minute

// check is the part of the verification that comes after the signature. Expiry
// has no leeway: Redis ends a token by its own clock anyway.
func (c *Claims) check(v *Verifier) error {
	switch at := v.now().Unix(); {
	case c.Issuer != v.Issuer:
		return ErrIssuer
	case !v.AnyAudience && !c.Audience.Has(v.Audience):
		return ErrAudience
	case c.Subject == "", c.ClientID == "", c.ID == "", c.SessionID == "", c.Tenant == "", c.Expires == 0, c.IssuedAt == 0:
		return ErrClaims
	case c.Expires <= at-int64(v.Late/time.Second):
		return ErrExpired
	case c.NotBefore > at+int64(skew/time.Second), c.IssuedAt > at+int64(skew/time.Second):
		return ErrEarly
	default:
		return nil
	}
}
