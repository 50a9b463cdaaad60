package clerkhook

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tandem.example/pkg/clerksession"
)

// The events that end something.
const (
	sessionEnded   = "session.ended"
	sessionRemoved = "session.removed"
	sessionRevoked = "session.revoked"
	userDeleted    = "user.deleted"
)

// Event is what Clerk tells. Session is empty if it is about the user.
type Event struct {
	Type    string
	User    string
	Session string
}

// Ends tells whether the event is one that ends something. Others carry nothing
// here but their type.
func (e Event) Ends() bool { return e.User != "" }

// parseEvent takes members that it does not know, since Clerk adds some from time
// to time, and refuses what could be read in two ways. The result shares no
// memory with body.
func parseEvent(body []byte) (Event, error) {
	var said struct {
		Type string         `json:"type"`
		Data jsontext.Value `json:"data"`
	}
	if json.Unmarshal(body, &said) != nil || said.Type == "" {
		return Event{}, ErrEvent
	}
	e := Event{Type: said.Type}
	switch said.Type {
	case sessionEnded, sessionRemoved, sessionRevoked, userDeleted:
	default:
		return e, nil
	}
	var about struct {
		ID   string `json:"id"`
		User string `json:"user_id"`
	}
	if json.Unmarshal(said.Data, &about) != nil {
		return Event{}, ErrEvent
	}
	if said.Type == userDeleted {
		e.User = about.ID
	} else if e.Session, e.User = about.ID, about.User; !clerksession.IsSession(e.Session) {
		return Event{}, ErrEvent
	}
	if !clerksession.IsUser(e.User) {
		return Event{}, ErrEvent
	}
	return e, nil
}
