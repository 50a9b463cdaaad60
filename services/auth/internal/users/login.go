package users

import (
	"context"
	"errors"

	"go.uber.org/zap"
)

// Guesses count wrong passwords: every attempt counts before its password is
// looked at, until it has proved to be right. So of attempts made at once no more
// are looked at than may be wrong.
type Guesses interface {
	// Charge returns what gives this one back; a fault of kind TooManyRequests, or
	// a 503.
	Charge(ctx context.Context, account string) (giveBack func(context.Context) error, err error)
}

// Authenticator signs users in. It is safe for concurrent use.
type Authenticator struct {
	store   Credentials
	hasher  *Hasher
	guesses Guesses
	log     *zap.Logger
}

// NewAuthenticator makes an authenticator.
func NewAuthenticator(store Credentials, hasher *Hasher, guesses Guesses, log *zap.Logger) *Authenticator {
	return &Authenticator{store, hasher, guesses, log.Named("users")}
}

// Login returns the user whom login and password prove. The user was read before
// the password was checked, its generation too. It returns [ErrCredentials],
// [ErrBusy], a fault of kind TooManyRequests, or a 503.
//
// Whoever is refused with ErrCredentials has caused the same work, whatever the
// reason: one statement, one charge, one hash.
func (a *Authenticator) Login(ctx context.Context, login, password string) (User, error) {
	name, err := ParseLogin(login)
	account := name
	if err != nil {
		account = login // counted like any other that does not exist
	}
	user, stored, err := a.store.ByLogin(ctx, name) // nobody's name is empty
	if errors.Is(err, ErrUnknown) {
		user, stored = User{}, a.hasher.dummy
	} else if err != nil {
		return User{}, err
	}
	_, err = a.prove(ctx, account, user, stored, password)
	return user, err
}

// prove returns the user's hash, which may be another one now, if the password is
// the user's and the user may sign in.
func (a *Authenticator) prove(ctx context.Context, account string, user User, stored, password string) (string, error) {
	hash, err := parsePHC(stored)
	if err != nil {
		return "", err
	}
	fits := passwordFits(password)
	if !fits {
		password = "" // hashing a long one would take longer
	}
	renewed := ""
	// With a slot, and not while it waits for one: whoever signs in many times at
	// once should not be taken for many wrong guesses.
	err = a.hasher.within(ctx, func() error {
		giveBack, err := a.guesses.Charge(ctx, account)
		if err != nil {
			return err
		}
		if right := a.hasher.matches(hash, password); !right || !fits || user.ID == "" || user.Disabled {
			return ErrCredentials
		}
		if hash.outdated() {
			renewed = a.hasher.make(password)
		}
		return giveBack(ctx)
	})
	if err != nil || renewed == "" {
		return stored, err
	}
	// The old hash is as good as it was; the next login tries again.
	if err := a.store.Renew(ctx, user.ID, stored, renewed); err != nil {
		a.log.Warn("password hash not renewed", zap.Error(err))
		return stored, nil
	}
	return renewed, nil
}
