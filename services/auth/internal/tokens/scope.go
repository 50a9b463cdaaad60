package tokens

import (
	"slices"
	"strings"

	"tandem.example/pkg/bearer"
)

// parseScope reads the scope parameter (RFC 6749 §3.3). A name that is repeated
// counts once.
func parseScope(s string) (bearer.Scopes, error) {
	if s == "" {
		return "", nil
	}
	var names []string
	for name := range strings.SplitSeq(s, " ") {
		if !bearer.ScopeName(name) || len(names) > 64 {
			return "", ErrScope
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return bearer.Scopes(strings.Join(names, " ")), nil
}
