// Package sessions keeps what makes tokens live: in Redis, as digests, each with
// an end.
//
// It promises that a session that was ended stays ended, whatever becomes of
// Redis; that a refresh token works once, with a short grace for the same
// successor; and that a login begun before its user's sessions were ended does
// not outlive that.
package sessions

import (
	"time"

	"github.com/google/uuid"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/fault"
)

// The refusals. Those of a refresh token look alike from outside: which of them
// it was is for the log and the tests.
var (
	ErrMalformed = fault.New(fault.Invalid, "refresh_malformed", "the refresh token is not valid")
	ErrEnded     = fault.New(fault.Invalid, "session_ended", "the refresh token is not valid")
	ErrReused    = fault.New(fault.Invalid, "refresh_reused", "the refresh token is not valid")
	ErrClient    = fault.New(fault.Invalid, "refresh_client", "the refresh token is not valid")
	ErrScope     = fault.New(fault.Invalid, "refresh_scope", "the scope is wider than what was granted")
	ErrTarget    = fault.New(fault.Invalid, "refresh_audience", "the session is for an audience that the client may not have")
	ErrMoved     = fault.New(fault.Invalid, "credentials_changed", "the credentials changed during the login")
)

// The refusals of those who end and list sessions.
var (
	ErrUnknown   = fault.New(fault.NotFound, "session_not_found", "there is no such session")
	ErrUser      = fault.New(fault.NotFound, "user_not_found", "there is no such user")
	ErrNoClient  = fault.New(fault.NotFound, "client_not_found", "there is no such client")
	ErrFuture    = fault.New(fault.Invalid, "cut_off_in_future", "the cut-off has not passed yet")
	ErrParameter = fault.New(fault.Invalid, "invalid_parameter", "a parameter is not valid")
	ErrCursor    = ErrParameter.At("cursor", "is not one that a list gave")
)

// errLate is a login whose last step took so long that nothing can be said of it.
var errLate = fault.New(fault.Unavailable, "login_late", "the login took too long").After(time.Second)

// lag is added to a tombstone's life: Redis' clock may run behind the database's.
const lag = 5 * time.Minute

// Grant is what a session gives its holder.
type Grant struct {
	Subject  string
	ClientID string
	Tenant   string
	Audience string
	Scopes   bearer.Scopes
	Roles    []string
	// Generation is that of the subject, see [Store.Generation].
	Generation int64
	// Via is the kind of grant, for the log, and Actor who acts in the subject's
	// name, if somebody does.
	Via   string
	Actor string
	// Device tells the user's sessions apart in a list.
	Device string
	// Origin is the session elsewhere that this one was exchanged for.
	Origin string
	// Refreshable sessions get a refresh token; others live as long as their
	// one access token.
	Refreshable bool
}

// Terms are what a client may have of a session when it renews it, which can have
// become less since the session was begun.
type Terms struct {
	Want      bearer.Scopes // all of them must be the session's; empty: what there is
	Scopes    bearer.Scopes // that the client may have
	Audiences []string      // likewise
}

// Issued is a live access token, not signed yet, and what may renew it.
type Issued struct {
	Grant

	SessionID string
	TokenID   string
	IssuedAt  time.Time
	Expires   time.Time
	Refresh   string // empty if the session is not refreshable
}

// Lives are how long things last.
type Lives struct {
	Access   time.Duration // of an access token, before it is shortened at random
	Idle     time.Duration // of a session that is not refreshed
	Absolute time.Duration // of any session
}

// grace is how long the refresh token before the current one gives the same
// successor again: a lost answer, or two tabs, log nobody out.
const grace = 10 * time.Second

// newID makes ids that sort by time, for lists. They are names: what opens
// anything is signed, or has a secret of its own.
func newID() string { return uuid.Must(uuid.NewV7()).String() }
