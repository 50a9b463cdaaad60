package sessions

import (
	"regexp"
	"strings"
)

var (
	userForm   = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	clerkForm  = regexp.MustCompile(`^user_[A-Za-z0-9_]{1,120}$`)
	clientForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,63}$`)
)

// parseSubject takes the id of a user of ours or of Clerk's, whether there is one
// or not: sessions may outlive whom they belong to. It returns ErrUser.
func parseSubject(s string) (string, error) {
	if userForm.MatchString(s) {
		return strings.ToLower(strings.Clone(s)), nil
	}
	if clerkForm.MatchString(s) {
		return strings.Clone(s), nil
	}
	return "", ErrUser
}

// parseClient takes the id of a client, which is no UUID. It returns ErrNoClient.
func parseClient(s string) (string, error) {
	if !clientForm.MatchString(s) || userForm.MatchString(s) {
		return "", ErrNoClient
	}
	return strings.Clone(s), nil
}
