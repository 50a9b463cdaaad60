// Package users knows the people who sign in with a password.
//
// It promises that a login tells nothing but yes or no: an unknown name, a wrong
// password and a disabled user take the same time and get the same answer; and
// that logins cannot take more memory and time than they were given.
package users

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"tandem.example/pkg/fault"
)

// The faults of this package.
var (
	ErrCredentials = fault.New(fault.Invalid, "invalid_credentials", "the user name or the password is wrong")
	ErrBusy        = fault.New(fault.Unavailable, "login_busy", "too many logins at once").After(time.Second)
	ErrUnknown     = fault.New(fault.NotFound, "user_not_found", "there is no such user")
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

// Store keeps the users.
type Store interface {
	// ByID returns ErrUnknown when there is no such user.
	ByID(ctx context.Context, id string) (User, error)
	// Put creates a user or gives the one with this login another password,
	// which moves the generation.
	Put(ctx context.Context, u User, password string) error
}

// Directory is who the users are.
type Directory struct {
	store  Store
	hasher *Hasher
}

// NewDirectory makes a directory.
func NewDirectory(store Store, hasher *Hasher) *Directory { return &Directory{store, hasher} }

// Find returns a user. It returns [ErrUnknown] or a 503.
func (d *Directory) Find(ctx context.Context, id string) (User, error) {
	if uuid.Validate(id) != nil {
		return User{}, ErrUnknown
	}
	return d.store.ByID(ctx, id)
}

// Put creates a user, or replaces the password of the one with this login.
func (d *Directory) Put(ctx context.Context, login, password string, roles []string) error {
	name, err := ParseLogin(login)
	if err != nil {
		return err
	}
	if !passwordFits(password) {
		return errors.New("a password has 8 to 128 characters")
	}
	hash, err := d.hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	return d.store.Put(ctx, User{ID: uuid.Must(uuid.NewV7()).String(), Login: name, Roles: roles}, hash)
}

// ParseLogin gives the one form in which a login name is kept and compared.
func ParseLogin(s string) (string, error) {
	name := norm.NFC.String(strings.TrimSpace(s))
	if !utf8.ValidString(s) || name == "" || utf8.RuneCountInString(name) > 254 || strings.ContainsFunc(name, control) {
		return "", fmt.Errorf("login name: %w", ErrCredentials)
	}
	return name, nil
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

// passwordFits: any characters, but a length that a person would choose and
// argon2id takes in stride.
func passwordFits(s string) bool {
	n := utf8.RuneCountInString(s)
	return n >= 8 && n <= 128 && utf8.ValidString(s)
}
