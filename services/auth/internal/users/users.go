// Package users knows the people who sign in with a password.
//
// It promises that a login tells nothing but yes or no: an unknown name, a wrong
// password and a disabled user take the same time and get the same answer; and
// that logins cannot take more memory and time than they were given.
package users

import (
	"context"
	"time"

	"tandem.example/pkg/fault"
)

// The faults of this package.
var (
	ErrCredentials = fault.New(fault.Invalid, "invalid_credentials", "the user name or the password is wrong")
	ErrBusy        = fault.New(fault.Unavailable, "login_busy", "too many logins at once").After(time.Second)
	ErrUnknown     = fault.New(fault.NotFound, "user_not_found", "there is no such user")
	ErrTaken       = fault.New(fault.Conflict, "login_taken", "there is a user of this name")
	ErrNoPassword  = fault.New(fault.Conflict, "no_password", "the caller has no password here")
	ErrWrong       = fault.New(fault.Forbidden, "password_wrong", "the current password is not that")
	ErrCommon      = fault.New(fault.Unprocessable, "password_common", "the password is one that is tried first")
)

// User is a person.
type User struct {
	ID         string // a UUID
	Login      string
	Roles      []string
	Disabled   bool
	Generation int64 // of the user's sessions, read with the rest
	Created    time.Time
}

// Credentials are the users with the hashes of their passwords.
type Credentials interface {
	// ByLogin returns ErrUnknown when there is no such user.
	ByLogin(ctx context.Context, login string) (User, string, error)
	// Renew replaces a hash by another one of the same password, unless it has
	// been replaced already.
	Renew(ctx context.Context, id, old, renewed string) error
}
