package resources

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Draft is what a client may say of a resource. Members it left out are nil.
type Draft struct {
	Type       *string            `json:"type"`
	Name       *string            `json:"name"`
	Attributes jsontext.Value     `json:"attributes"`
	Labels     map[string]*string `json:"labels"`
}

// content is the part of a resource that a write replaces.
type content struct {
	name       Name
	attributes jsontext.Value
	labels     Labels
}

// parse checks all of the draft and reports every mistake at once. A type is
// required when fixed is empty, and must equal it otherwise.
func (d Draft) parse(fixed Type) (Type, content, error) {
	broken := ErrInvalid
	report := func(pointer, detail string) { broken = broken.At(pointer, detail) }
	note := func(pointer, detail string) {
		if detail != "" {
			report(pointer, detail)
		}
	}
	kind, c := fixed, content{}
	var bad string
	switch {
	case d.Type == nil && fixed == "":
		report("/type", "is required")
	case d.Type != nil && fixed == "":
		kind, bad = parseType(*d.Type)
		note("/type", bad)
	case d.Type != nil && *d.Type != string(fixed):
		report("/type", "cannot change")
	}
	if d.Name == nil {
		report("/name", "is required")
	} else {
		c.name, bad = parseName(*d.Name)
		note("/name", bad)
	}
	c.attributes, bad = parseAttributes(d.Attributes)
	note("/attributes", bad)
	c.labels = parseLabels(d.Labels, func(key, detail string) { report(pointer("labels", key), detail) })
	if len(broken.Violations) > 0 {
		return "", content{}, broken
	}
	return kind, c, nil
}

// pointer builds a JSON Pointer (RFC 6901 §3) to a member of a member.
func pointer(member, key string) string {
	if key == "" {
		return "/" + member
	}
	return "/" + member + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}
