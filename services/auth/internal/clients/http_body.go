package clients

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/fault"
)

// draft is the body that makes a client.
type draft struct {
	ID         string      `json:"client_id"`
	Name       string      `json:"name"`
	Grants     []string    `json:"grants"`
	Scopes     []scopeName `json:"scopes"`
	Audiences  []string    `json:"audiences"`
	Public     bool        `json:"public"`
	FirstParty bool        `json:"first_party"`
}

func (d draft) client() Client {
	return Client{
		ID: d.ID, Name: d.Name, Grants: d.Grants, Scopes: join(d.Scopes), Audiences: d.Audiences,
		Public: d.Public, FirstParty: d.FirstParty,
	}
}

// patch is the body that changes a client: what it names is set.
type patch struct {
	Name       member[string]      `json:"name"`
	Grants     member[[]string]    `json:"grants"`
	Scopes     member[[]scopeName] `json:"scopes"`
	Audiences  member[[]string]    `json:"audiences"`
	FirstParty member[bool]        `json:"first_party"`
	Disabled   member[bool]        `json:"disabled"`
}

func (p patch) apply(r *Record) {
	p.Name.set(&r.Name)
	p.Grants.set(&r.Grants)
	p.Audiences.set(&r.Audiences)
	p.FirstParty.set(&r.FirstParty)
	p.Disabled.set(&r.Disabled)
	if p.Scopes.given {
		r.Scopes = join(p.Scopes.value)
	}
}

// rotation is the body that asks for a new secret.
type rotation struct {
	Overlap member[int64] `json:"overlap_seconds"`
}

const maxOverlap = 90 * 24 * time.Hour

// overlap must be said: no default is right for both a leak and a routine.
func (r rotation) overlap() (time.Duration, error) {
	if n := r.Overlap.value; r.Overlap.given && n >= 0 && n <= int64(maxOverlap/time.Second) {
		return time.Duration(n) * time.Second, nil
	}
	return 0, ErrSettings.Detailf("the secret cannot be rotated like this").At("/overlap_seconds", "must be 0 to 7776000")
}

// member is what a body may leave out, but not make null.
type member[T any] struct {
	given bool
	value T
}

var errNull = fault.New(fault.Invalid, "invalid_body", "must not be null")

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (m *member[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == 'n' {
		return errNull
	}
	m.given = true
	return json.UnmarshalDecode(dec, &m.value)
}

func (m member[T]) set(to *T) {
	if m.given {
		*to = m.value
	}
}

// scopeName is one scope-token of RFC 6749 §3.3.
type scopeName string

var errScopeName = fault.New(fault.Invalid, "invalid_scope", "must be a scope name: visible ASCII without spaces, quotes and backslashes")

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *scopeName) UnmarshalText(text []byte) error {
	if !bearer.ScopeName(string(text)) {
		return errScopeName
	}
	*s = scopeName(text)
	return nil
}

func join(names []scopeName) bearer.Scopes {
	var list strings.Builder
	for i, name := range names {
		if i > 0 {
			list.WriteByte(' ')
		}
		list.WriteString(string(name))
	}
	return bearer.Scopes(list.String())
}
