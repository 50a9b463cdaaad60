// Package revocation is the contract by which the end of sessions and tokens
// becomes known to other services: where the events are found, and what they
// say. Those who check tokens with every request need none of it; it is for
// those who keep something on the strength of a token, such as a connection that
// stays open or an answer in a cache.
//
// Each end that was acknowledged is announced at least once, and repeats carry
// the same id. The order of the announcements says nothing: an end is final, and
// handling one twice or late does no harm.
package revocation

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Where events are found.
const (
	Stream        = "REVOCATIONS"
	StreamPattern = "revocations.v1.>"
	prefix        = "revocations.v1."
)

const maxText = 512 // bytes of an id or a source

// Kind is what has ended.
type Kind string

// The kinds.
const (
	Token   Kind = "token"   // one access token
	Session Kind = "session" // with all its tokens
	User    Kind = "user"    // every session of a subject begun before a time
	Client  Kind = "client"  // every session of a client begun before a time
	All     Kind = "all"     // every session begun before a time
)

// ErrInvalid is the reason that an event was neither sent nor taken. The error
// that wraps it names the member, never the content.
var ErrInvalid = errors.New("not a valid revocation event")

// Revocation is what has ended.
type Revocation struct {
	Kind Kind `json:"kind"`
	// ID is the token's jti, the session's sid, the user's sub or the client's
	// client_id; empty for all.
	ID string `json:"id"`
	// Subject is whose it was, of a token or a session, as far as that is known.
	Subject string `json:"subject,omitempty"`
	// Before bounds the sessions of a user, of a client or of all; what began
	// later lives. Of a token or a session it is when it ended.
	Before time.Time `json:"before"`
	// Except is the one session of a user that lives on, if there is one.
	Except string `json:"except,omitempty"`
}

// Event is a revocation as it was announced.
type Event struct {
	ID         string // equal in every repetition
	Source     string // region and service
	Time       time.Time
	Revocation Revocation
}

// Topic names within the stream what has ended: its kind and, unless that is
// all, its id as one NATS token.
func (r Revocation) Topic() string {
	if r.Kind == All {
		return string(All)
	}
	return string(r.Kind) + "." + token(r.ID)
}

// Address is the NATS subject on which the revocation is published.
func (r Revocation) Address() string { return prefix + r.Topic() }

var plain = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// token leaves an id as it is, if it can be, and else encodes it. The tilde is
// in no plain id, so no two ids share a token.
func token(id string) string {
	if plain.MatchString(id) {
		return id
	}
	return "~" + base64.RawURLEncoding.EncodeToString([]byte(id))
}

// Validate tells why an event cannot be sent. It returns [ErrInvalid].
func (e Event) Validate() error {
	r := e.Revocation
	switch {
	case !text(e.ID):
		return invalid("event id")
	case !text(e.Source):
		return invalid("source")
	case !instant(e.Time):
		return invalid("time")
	case !instant(r.Before):
		return invalid("before")
	case r.Subject != "" && !text(r.Subject):
		return invalid("subject")
	case r.Except != "" && (r.Kind != User || !text(r.Except)):
		return invalid("except")
	}
	switch r.Kind {
	case Token, Session, User, Client:
		if !text(r.ID) {
			return invalid("id")
		}
	case All:
		if r.ID != "" {
			return invalid("id")
		}
	default:
		return invalid("kind")
	}
	return nil
}

func invalid(member string) error { return fmt.Errorf("%w: %s", ErrInvalid, member) }

func instant(t time.Time) bool { return !t.IsZero() && t.Year() <= 9999 }

// text tells a non-empty string of bounded length that prints on one line.
func text(s string) bool {
	return s != "" && len(s) <= maxText && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
