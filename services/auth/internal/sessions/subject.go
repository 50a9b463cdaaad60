package sessions

import (
	"regexp"
	"strings"

	"github.com/google/uuid"

	"tandem.example/services/auth/internal/clients"
)

// canonical is the length of the one form that ids of users have in text.
const canonical = 36

var clerkForm = regexp.MustCompile(`^user_[A-Za-z0-9_]{1,120}$`)

// parseSubject takes the id of a user of ours or of Clerk's, whether there is one
// or not: sessions may outlive whom they belong to. It returns ErrUser.
func parseSubject(s string) (string, error) {
	if len(s) == canonical && uuid.Validate(s) == nil {
		return strings.ToLower(strings.Clone(s)), nil
	}
	if clerkForm.MatchString(s) {
		return strings.Clone(s), nil
	}
	return "", ErrUser
}

// parseClient takes the id of a client, whether there is one or not. It returns
// ErrNoClient.
func parseClient(s string) (string, error) {
	if !clients.ValidID(s) {
		return "", ErrNoClient
	}
	return strings.Clone(s), nil
}
