// Package clerksession decides whether a Clerk session token may be believed.
//
// It promises that a token passes only if Clerk signed it for this very
// application and it names a session and a user; that keys withdrawn by Clerk
// stop counting within five minutes; and that Clerk being slow, broken or
// flooded with our questions becomes a 503, never a yes. The SDK's own check is
// one step of several here, since it leaves much unchecked.
package clerksession

import (
	"time"

	"tandem.example/pkg/fault"
)

// The reasons that only Clerk's tokens have; the others are those of package
// bearer.
var (
	ErrParty       = fault.New(fault.Unauthenticated, "clerk_party", "the session token is for another application")
	ErrPending     = fault.New(fault.Unauthenticated, "clerk_session_pending", "the session has unfinished tasks")
	ErrEnded       = fault.New(fault.Unauthenticated, "clerk_session_ended", "the session is not active")
	ErrUnavailable = fault.New(fault.Unavailable, "clerk_unavailable", "Clerk cannot be asked").After(2 * time.Second)
)
