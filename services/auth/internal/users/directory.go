package users

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"tandem.example/pkg/fault"
	"tandem.example/services/auth/internal/audit"
	"tandem.example/services/auth/internal/users/common"
)

// Change is what administrators may change of a user; nil leaves a part as it is.
type Change struct {
	Disabled *bool
	Roles    *Roles
}

// Store keeps the users. What changes one writes the event with the change, and
// what may take something from them ends their sessions with it and tells how
// many: a token carries the roles of its login.
type Store interface {
	// ByID returns ErrUnknown when there is no such user.
	ByID(ctx context.Context, id string) (User, string, error)
	// List returns users in the order of their creation, after one of them.
	List(ctx context.Context, after string, limit int) ([]User, error)
	// Create returns ErrTaken when there is a user of this name.
	Create(ctx context.Context, u User, password string, e audit.Event) (User, error)
	// SetPassword replaces a hash, if it is the old one or that is nil, and spares
	// one session. It returns ErrUnknown.
	SetPassword(ctx context.Context, id string, old *string, renewed, except string, e audit.Event) (int64, error)
	// Update returns ErrUnknown when there is no such user.
	Update(ctx context.Context, id string, c Change, e audit.Event) (User, int64, error)
	// Put creates a user or gives the one with this login another password,
	// which moves the generation.
	Put(ctx context.Context, u User, password string) error
}

// Finisher ends in Redis too what was ended of a user's sessions and left there, and
// tells how many were live; *sessions.Store is one.
type Finisher interface {
	FinishSubject(ctx context.Context, subject string) (int64, error)
}

// Journal takes refusals, which change nothing.
type Journal interface {
	// Record keeps an event before it returns, or returns a 503.
	Record(ctx context.Context, e audit.Event) error
	// Add keeps an event soon.
	Add(e audit.Event)
}

// Directory is who the users are. It is safe for concurrent use.
type Directory struct {
	store   Store
	auth    *Authenticator
	common  *common.List
	journal Journal
	rest    Finisher
}

// NewDirectory makes a directory.
func NewDirectory(store Store, auth *Authenticator, common *common.List, journal Journal, rest Finisher) *Directory {
	return &Directory{store, auth, common, journal, rest}
}

// canonical is the length of the one form that ids have in text.
const canonical = 36

// Find returns a user. It returns [ErrUnknown] or a 503.
func (d *Directory) Find(ctx context.Context, id string) (User, error) {
	if len(id) != canonical || uuid.Validate(id) != nil {
		return User{}, ErrUnknown
	}
	u, _, err := d.store.ByID(ctx, id)
	return u, err
}

// List returns users in the order of their creation, after the one of that id.
func (d *Directory) List(ctx context.Context, after string, limit int) ([]User, error) {
	return d.store.List(ctx, after, limit)
}

// Register creates a user. Actor is the administrator who does it, if one does. It
// returns [ErrCommon], [ErrTaken] or a 503.
func (d *Directory) Register(ctx context.Context, actor string, login Login, password Password, roles Roles) (u User, err error) {
	u = User{ID: uuid.Must(uuid.NewV7()).String(), Login: string(login), Roles: roles}
	e := audit.Event{Type: audit.UserCreate, Actor: actor, Subject: u.ID, Detail: map[string]string{"roles": strings.Join(roles, " ")}}
	defer func() { err = d.note(ctx, e, err) }()
	hash, err := d.choose(ctx, password, u.Login)
	if err != nil {
		return User{}, err
	}
	return d.store.Create(ctx, u, hash, audit.New(ctx, e))
}

// ChangePassword gives the user of a session another password and ends their other
// sessions, of which it tells how many. It returns [ErrNoPassword], [ErrCommon],
// [ErrWrong], a fault of kind TooManyRequests, or a 503, after which the change
// may have been made.
func (d *Directory) ChangePassword(ctx context.Context, subject, session, current string, renewed Password) (ended int64, err error) {
	e := audit.Event{Type: audit.UserPassword, Actor: subject, Subject: subject, SessionID: session}
	defer func() { err = d.note(ctx, e, err) }()
	if uuid.Validate(subject) != nil {
		return 0, ErrNoPassword
	}
	user, stored, err := d.store.ByID(ctx, subject)
	if errors.Is(err, ErrUnknown) {
		return 0, ErrNoPassword
	}
	if err != nil {
		return 0, err
	}
	if d.isCommon(renewed, user.Login) {
		return 0, ErrCommon.At("/new_password", "must not be a common one")
	}
	// Who has got hold of a session must not find out the password with it.
	stored, err = d.auth.prove(ctx, user.Login, user, stored, current)
	if errors.Is(err, ErrCredentials) {
		return 0, ErrWrong
	}
	if err != nil {
		return 0, err
	}
	hash, err := d.auth.hasher.Hash(ctx, renewed.text)
	if err != nil {
		return 0, err
	}
	ended, err = d.store.SetPassword(ctx, subject, &stored, hash, session, audit.New(ctx, e))
	if errors.Is(err, ErrUnknown) { // another change came first
		return 0, ErrWrong
	}
	return ended, err
}

// ResetPassword gives a user another password and ends all their sessions, of
// which it tells how many. It returns [ErrUnknown], [ErrCommon] or a 503.
func (d *Directory) ResetPassword(ctx context.Context, actor, id string, renewed Password) (ended int64, err error) {
	e := audit.Event{Type: audit.UserPassword, Actor: actor, Subject: id}
	defer func() { err = d.note(ctx, e, err) }()
	user, err := d.Find(ctx, id)
	if err != nil {
		return 0, err
	}
	e.Subject = user.ID // in its one form, by which the log is searched
	hash, err := d.choose(ctx, renewed, user.Login)
	if err != nil {
		return 0, err
	}
	return d.store.SetPassword(ctx, user.ID, nil, hash, "", audit.New(ctx, e))
}

// Update changes a user and ends all their sessions, of which it tells how many.
// What changes nothing ends nothing, but finishes what somebody else has begun: it
// may be the repetition of a call that broke off after its commit. It returns
// [ErrUnknown] or a 503.
func (d *Directory) Update(ctx context.Context, actor, id string, c Change) (u User, ended int64, err error) {
	e := audit.Event{Type: audit.UserUpdate, Actor: actor, Subject: id, Detail: map[string]string{}}
	defer func() { err = d.note(ctx, e, err) }()
	if u, err = d.Find(ctx, id); err != nil {
		return User{}, 0, err
	}
	e.Subject = u.ID
	if (c.Disabled == nil || *c.Disabled == u.Disabled) && (c.Roles == nil || slices.Equal(*c.Roles, u.Roles)) {
		ended, err = d.rest.FinishSubject(ctx, u.ID)
		return u, ended, err
	}
	if c.Disabled != nil {
		e.Detail["disabled"] = map[bool]string{true: "true", false: "false"}[*c.Disabled]
	}
	if c.Roles != nil {
		e.Detail["roles"] = strings.Join(*c.Roles, " ")
	}
	return d.store.Update(ctx, u.ID, c, audit.New(ctx, e))
}

// Put creates a user, or replaces the password of the one with this login. It asks
// nothing of the password but its length: whoever runs the service chose it.
func (d *Directory) Put(ctx context.Context, login, password string, roles []string) error {
	name, err := ParseLogin(login)
	if err != nil {
		return err
	}
	if !passwordFits(password) {
		return errPassword
	}
	hash, err := d.auth.hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	return d.store.Put(ctx, User{ID: uuid.Must(uuid.NewV7()).String(), Login: name, Roles: roles}, hash)
}

func (d *Directory) choose(ctx context.Context, p Password, login string) (hash string, err error) {
	if d.isCommon(p, login) {
		return "", ErrCommon.At("/password", "must not be a common one")
	}
	return d.auth.hasher.Hash(ctx, p.text)
}

// product is a word that guessers know too.
const product = "tandem"

func (d *Directory) isCommon(p Password, login string) bool {
	return d.common.Has(p.text, login, product)
}

// note logs a refusal. A change is logged with itself, and one that was not
// decided is none. That a password was wrong is in the log before the caller hears
// of it, or the caller does not.
func (d *Directory) note(ctx context.Context, e audit.Event, err error) error {
	if err == nil || fault.KindOf(err) == fault.Unavailable || fault.KindOf(err) == fault.Internal {
		return err
	}
	e.Reason = audit.ReasonOf(err)
	e = audit.New(ctx, e)
	if !errors.Is(err, ErrWrong) {
		d.journal.Add(e)
		return err
	}
	if failed := d.journal.Record(ctx, e); failed != nil {
		return failed
	}
	return err
}
