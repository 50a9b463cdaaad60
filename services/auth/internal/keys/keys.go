// Package keys publishes the keys that tokens are signed with, and has the
// commands by which an operator changes them.
//
// It promises that nothing but the public half of a key is ever shown, and that
// each step of a rotation leaves a directory in which a service can go on.
package keys

import (
	"time"

	"tandem.example/pkg/bearer"
)

// State is what a key is good for.
type State string

// The states, in the order of a key's life.
const (
	Waiting   State = "waiting"   // published, so that every verifier knows it in time
	Signing   State = "signing"   // makes the tokens of today
	Verifying State = "verifying" // its last tokens may still be in use
	Idle      State = "idle"      // none of its tokens can be in use any more
)

// overlap is how long a key verifies after it has made its last token: the
// longest TOKEN_EXPIRE_MINUTES, and what clocks may differ by.
const overlap = 24*time.Hour + 10*time.Minute

// StateOf tells what the n-th of some files, the newest first, is good for.
func StateOf(files []bearer.KeyFile, n int, now time.Time) State {
	signing, _ := bearer.SigningOf(files, now)
	switch f := files[n]; {
	case f.Key.ID == signing.Key.ID:
		return Signing
	case f.From.After(now):
		return Waiting
	case now.Before(files[n-1].From.Add(overlap)): // until then the next one had not taken over
		return Verifying
	default:
		return Idle
	}
}
