package tokens

import (
	"slices"
	"strings"

	"tandem.example/pkg/bearer"
)

// scopesOf says what a user's roles allow. Every user may work with their own
// tenant's resources; the admin role is over all tenants.
func scopesOf(roles []string) bearer.Scopes {
	const user bearer.Scopes = "resources:read resources:write"
	if slices.Contains(roles, "admin") {
		return user + " admin"
	}
	return user
}

// parseScope reads the scope parameter (RFC 6749 §3.3). A name that is repeated
// counts once.
func parseScope(s string) (bearer.Scopes, error) {
	if s == "" {
		return "", nil
	}
	var names []string
	for name := range strings.SplitSeq(s, " ") {
		if name == "" || len(name) > 64 || strings.ContainsFunc(name, notScope) || len(names) > 64 {
			return "", ErrScope
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return bearer.Scopes(strings.Join(names, " ")), nil
}

func notScope(r rune) bool { return r < 0x21 || r > 0x7e || r == '"' || r == '\\' }
