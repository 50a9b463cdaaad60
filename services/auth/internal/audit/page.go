package audit

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"github.com/google/uuid"

	"tandem.example/pkg/fault"
)

// ErrCursor is a cursor that is not one, or is of another query.
var ErrCursor = fault.New(fault.Invalid, "invalid_cursor", "the cursor is not valid for this query")

// The bounds of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

// Query is one page of the log, newest first. Empty members filter nothing.
type Query struct {
	Type     Type
	Outcome  string
	Actor    string
	Subject  string
	ClientID string
	Since    time.Time // events of this time and later
	Until    time.Time // events before this time
	Limit    int
	before   uuid.UUID // the last id of the page before
}

// Page is a page as it is sent.
type Page struct {
	Items []Event `json:"items"`
	Next  *string `json:"next_cursor"`
}

// page makes a page of what was found, one more than there is room for if it is
// not the last.
func (q Query) page(found []Event) Page {
	out := Page{Items: found}
	if len(found) > q.Limit {
		out.Items = found[:q.Limit]
		out.Next = new(q.cursor(found[q.Limit-1].ID))
	}
	return out
}

// A cursor is the last id and a digest of the filters, so that one that is used
// for another query is refused instead of skipping events silently. It is no
// secret, and opens nothing that the query without it does not.
const filterSize = 8

func (q Query) cursor(last uuid.UUID) string {
	return base64.RawURLEncoding.EncodeToString(append(last[:], q.filter()...))
}

func (q Query) filter() []byte {
	sum := sha256.Sum256([]byte(strings.Join([]string{
		string(q.Type), q.Outcome, q.Actor, q.Subject, q.ClientID, q.Since.UTC().String(), q.Until.UTC().String(),
	}, "\n")))
	return sum[:filterSize]
}

// At moves the query behind a cursor. It returns [ErrCursor].
func (q Query) At(cursor string) (Query, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return Query{}, ErrCursor.Because(err)
	}
	if len(raw) != len(q.before)+filterSize || string(raw[len(q.before):]) != string(q.filter()) {
		return Query{}, ErrCursor
	}
	q.before = uuid.UUID(raw[:len(q.before)])
	if q.before.Version() != 7 {
		return Query{}, ErrCursor
	}
	return q, nil
}

// bounds are the ids between which the page lies, the first included: the time of
// an event is in its id, to the millisecond.
func (q Query) bounds() (from, until uuid.UUID) {
	until = uuid.Max
	if !q.Since.IsZero() {
		from = floorOf(ceil(q.Since))
	}
	if !q.Until.IsZero() {
		until = floorOf(ceil(q.Until))
	}
	if q.before != uuid.Nil && string(q.before[:]) < string(until[:]) {
		until = q.before
	}
	return from, until
}

func ceil(t time.Time) time.Time { return t.Add(time.Millisecond - 1).Truncate(time.Millisecond) }
