package revocation

import (
	"encoding/json"
	"fmt"
	"time"
)

// ContentType is the NATS header Content-Type of an event (CloudEvents NATS
// binding 1.0, §3.2: structured mode).
const ContentType = "application/cloudevents+json"

const (
	specVersion = "1.0"
	dataType    = "application/json"
	typePrefix  = "tandem.revocation."
	typeSuffix  = ".v1"
)

// cloudEvent is the wire form (CloudEvents 1.0, JSON format).
type cloudEvent struct {
	SpecVersion     string      `json:"specversion"`
	ID              string      `json:"id"`
	Source          string      `json:"source"`
	Type            string      `json:"type"`
	Subject         string      `json:"subject"`
	Time            time.Time   `json:"time"`
	DataContentType string      `json:"datacontenttype,omitempty"`
	Data            *Revocation `json:"data"`
}

// Encode writes a valid event as a CloudEvent. It returns [ErrInvalid].
func Encode(e Event) ([]byte, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	return json.Marshal(cloudEvent{
		SpecVersion: specVersion, ID: e.ID, Source: e.Source, Type: typePrefix + string(e.Revocation.Kind) + typeSuffix,
		Subject: e.Revocation.Topic(), Time: e.Time.UTC(), DataContentType: dataType, Data: &e.Revocation,
	})
}

// Decode reads an event. Members it does not know are left alone, so that the
// contract can grow. It returns [ErrInvalid].
func Decode(raw []byte) (Event, error) {
	var w cloudEvent
	if err := json.Unmarshal(raw, &w); err != nil {
		return Event{}, fmt.Errorf("%w: not the JSON of one", ErrInvalid)
	}
	switch {
	case w.SpecVersion != specVersion:
		return Event{}, invalid("specversion")
	case w.DataContentType != "" && w.DataContentType != dataType:
		return Event{}, invalid("datacontenttype")
	case w.Data == nil:
		return Event{}, invalid("data")
	case w.Type != typePrefix+string(w.Data.Kind)+typeSuffix:
		return Event{}, invalid("type")
	case w.Subject != w.Data.Topic():
		return Event{}, invalid("subject")
	}
	e := Event{ID: w.ID, Source: w.Source, Time: w.Time.UTC(), Revocation: *w.Data}
	return e, e.Validate()
}
