package invalidation

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// AsyncAPI is the AsyncAPI 3 document of the stream, for a service to publish.
//
//go:embed asyncapi.yaml
var AsyncAPI []byte

// ContentType is the NATS header Content-Type of an event (CloudEvents NATS
// binding 1.0, §3.2: structured mode).
const ContentType = "application/cloudevents+json"

const (
	specVersion = "1.0"
	dataType    = "application/json"
	typePrefix  = "tandem.resource."
	typeSuffix  = ".v1"
)

// cloudEvent is the wire form (CloudEvents 1.0, JSON format).
type cloudEvent struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject"`
	Time            time.Time `json:"time"`
	DataContentType *string   `json:"datacontenttype,omitempty"`
	Data            *payload  `json:"data"`
}

type payload struct {
	Tenant  string   `json:"tenant"`
	Type    string   `json:"type"`
	ID      string   `json:"id"`
	Version int64    `json:"version"`
	Keys    []string `json:"keys"`
}

// Validate tells why an event cannot be sent. It returns [ErrInvalid].
func (e Event) Validate() error {
	switch {
	case !text(e.ID):
		return invalid("event id")
	case !text(e.Source):
		return invalid("source")
	case e.Time.IsZero() || e.Time.Year() > 9999:
		return invalid("time")
	}
	return e.Change.Validate()
}

// Encode writes a valid event as a CloudEvent. It returns [ErrInvalid].
func Encode(e Event) ([]byte, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	c := e.Change
	return json.Marshal(cloudEvent{
		SpecVersion: specVersion, ID: e.ID, Source: e.Source,
		Type:    typePrefix + string(c.Action) + typeSuffix,
		Subject: c.Subject(), Time: e.Time.UTC(), DataContentType: new(dataType),
		Data: &payload{c.Tenant, c.Type, c.ID, c.Version, c.Keys},
	})
}

// Decode reads an event. Members it does not know are left alone, so that the
// contract can grow; those it knows must be there and be right. It returns
// [ErrInvalid].
func Decode(raw []byte) (Event, error) {
	var w cloudEvent
	if err := json.Unmarshal(raw, &w); err != nil {
		return Event{}, fmt.Errorf("%w: not the JSON of one", ErrInvalid)
	}
	switch {
	case w.SpecVersion != specVersion:
		return Event{}, invalid("specversion")
	case w.DataContentType != nil && *w.DataContentType != dataType:
		return Event{}, invalid("datacontenttype")
	case w.Data == nil:
		return Event{}, invalid("data")
	}
	action, ok := strings.CutPrefix(w.Type, typePrefix)
	action, versioned := strings.CutSuffix(action, typeSuffix)
	if !ok || !versioned {
		return Event{}, invalid("type")
	}
	e := Event{ID: w.ID, Source: w.Source, Time: w.Time.UTC(), Change: Change{
		Action: Action(action), Tenant: w.Data.Tenant, Type: w.Data.Type,
		ID: w.Data.ID, Version: w.Data.Version, Keys: w.Data.Keys,
	}}
	if w.Subject != e.Change.Subject() {
		return Event{}, invalid("subject")
	}
	return e, e.Validate()
}
