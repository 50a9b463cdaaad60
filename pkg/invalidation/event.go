// Package invalidation is the contract by which a change of a resource becomes
// known to other instances, regions and services: the event, and the subscriber
// that receives it. Package relay beside it publishes what the database holds.
//
// It promises a subscriber that every change reaches its handler at least once,
// that the versions of one resource reach it in growing order (events made by hand
// come as they are), and that it is told to flush whatever it keeps when this may not have held: an event was
// lost, the stream is another one, or nothing was heard for too long. It needs
// nothing but nats.go and the standard library.
package invalidation

import (
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Where events are found.
const (
	Stream        = "INVALIDATIONS"
	StreamPattern = "invalidations.v1.>"
	prefix        = "invalidations.v1.resources."
)

// VersionHeader repeats Change.Version for relays, which do not read bodies. What
// has none was made by hand: it announces nothing and takes no place in the order
// of the resource's versions.
const VersionHeader = "Tandem-Version"

// Shards is how many groups the resources are divided into for publishing.
const Shards = 8

// Action is what happened to a resource.
type Action string

// The actions.
const (
	Created Action = "created"
	Updated Action = "updated"
	Deleted Action = "deleted"
)

// ErrInvalid is the reason that an event was neither sent nor taken. The error
// that wraps it names the member, never the content.
var ErrInvalid = errors.New("not a valid invalidation event")

// Change is one version of one resource coming into being. Versions of a
// resource are positive and grow by one with each change in the order of their
// commits; its deletion is a version too.
type Change struct {
	Action  Action   `json:"action"`
	Tenant  string   `json:"tenant"`
	Type    string   `json:"type"`
	ID      string   `json:"id"`
	Version int64    `json:"version"`
	Keys    []string `json:"keys"` // of the cached values that this makes obsolete
}

// Event is a change as it was announced.
type Event struct {
	ID     string // of the write; equal in every repetition of the event
	Source string // region/instance that wrote
	Time   time.Time
	Change Change
}

// Record is what a writer leaves in the column operations.event, as JSON, in the
// statement that makes the change. Source and Trace may be empty, and Version
// zero, if only the statement knows it: the column operations.version counts.
type Record struct {
	Change
	Source string `json:"source,omitempty"`
	Trace  string `json:"trace,omitempty"` // traceparent (W3C) of the request that wrote
}

// Subject names the resource within the stream; it is also the value of the
// column operations.subject.
func (c Change) Subject() string { return c.Type + "." + c.ID }

// Address is the NATS subject on which a resource's changes are published.
func Address(subject string) string { return prefix + subject }

// Shard is the value of the column operations.shard for a subject.
func Shard(subject string) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(subject)) // a hash does not fail
	return int64(h.Sum32() % Shards)
}

var (
	typePattern = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)
	idPattern   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
)

const (
	maxText = 512 // bytes of a tenant, a key, a source or an id
	maxKeys = 256
)

// Validate tells why a change cannot be announced. It returns [ErrInvalid].
func (c Change) Validate() error {
	switch {
	case c.Action != Created && c.Action != Updated && c.Action != Deleted:
		return invalid("action")
	case !text(c.Tenant):
		return invalid("tenant")
	case !typePattern.MatchString(c.Type):
		return invalid("type")
	case !idPattern.MatchString(c.ID):
		return invalid("id")
	case c.Version < 1:
		return invalid("version")
	case c.Keys == nil || len(c.Keys) > maxKeys:
		return invalid("keys")
	}
	for _, k := range c.Keys {
		if !text(k) {
			return invalid("keys")
		}
	}
	return nil
}

func invalid(member string) error { return fmt.Errorf("%w: %s", ErrInvalid, member) }

// text tells a non-empty string of bounded length that prints on one line.
func text(s string) bool {
	return s != "" && len(s) <= maxText && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
