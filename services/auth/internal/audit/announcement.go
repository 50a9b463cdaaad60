package audit

import (
	"encoding/json"
	"time"

	"tandem.example/pkg/revocation"
)

// Where entries are announced. What ended sessions or tokens is announced a
// second time, as package revocation says.
const (
	Stream        = "AUDIT"
	StreamPattern = "audit.v1.>"
	prefix        = "audit.v1."
)

// The details that say what an event has ended, beside its own members.
const (
	DetailBefore  = "before" // the cut-off (RFC 3339); absent: the event's time
	DetailExcept  = "except" // the session that lives on
	DetailTokenID = "jti"    // the one access token that was revoked
)

// cloudEvent is the wire form (CloudEvents 1.0, JSON format).
type cloudEvent struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject,omitempty"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	Data            *Event    `json:"data"`
}

// announcement is one message of an event.
type announcement struct {
	stream, subject string
	body            []byte
}

// announcements are all messages of an event.
func announcements(e *Event, source string) ([]announcement, error) {
	body, err := json.Marshal(cloudEvent{
		SpecVersion: "1.0", ID: e.ID.String(), Source: source, Type: "tandem.audit." + string(e.Type) + ".v1",
		Subject: e.Subject, Time: e.At.UTC(), DataContentType: "application/json", Data: e,
	})
	if err != nil {
		return nil, err
	}
	list := []announcement{{Stream, prefix + string(e.Type), body}}
	ended, ok := ends(e)
	if !ok {
		return list, nil
	}
	body, err = revocation.Encode(revocation.Event{ID: e.ID.String(), Source: source, Time: e.At, Revocation: ended})
	if err != nil {
		return nil, err
	}
	return append(list, announcement{revocation.Stream, ended.Address(), body}), nil
}

// ends tells what an event has ended. An end of many sessions is one revocation
// with a cut-off, however many they were: one for each would be a flood at the
// worst of times.
func ends(e *Event) (r revocation.Revocation, ok bool) {
	if e.Outcome != Success {
		return r, false
	}
	switch e.Type { //nolint:exhaustive // the others end nothing
	case TokenRevoke:
		r = revocation.Revocation{Kind: revocation.Token, ID: e.Detail[DetailTokenID], Subject: e.Subject}
		if r.ID == "" {
			r.Kind, r.ID = revocation.Session, e.SessionID
		}
	case SessionEnd:
		r = revocation.Revocation{Kind: revocation.Session, ID: e.SessionID, Subject: e.Subject}
	case ClerkNotice: // of Clerk's own session, or of all of a user's
		r = revocation.Revocation{Kind: revocation.Session, ID: e.SessionID, Subject: e.Subject}
		if r.ID == "" {
			r = revocation.Revocation{Kind: revocation.User, ID: e.Subject}
		}
	case UserEndSessions:
		r = revocation.Revocation{Kind: revocation.User, ID: e.Subject, Except: e.Detail[DetailExcept]}
	case ClientEnd:
		r = revocation.Revocation{Kind: revocation.Client, ID: e.ClientID}
	case CutOff:
		r = revocation.Revocation{Kind: revocation.All}
	default:
		return r, false
	}
	r.Before = e.At
	if before, err := time.Parse(time.RFC3339Nano, e.Detail[DetailBefore]); err == nil {
		r.Before = before
	}
	return r, true
}
