package resources

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Patch is a JSON merge patch (RFC 7396) of a resource: a member left out stays,
// null removes, attributes and labels merge member by member.
type Patch struct {
	Type       jsontext.Value `json:"type"`
	Name       jsontext.Value `json:"name"`
	Attributes jsontext.Value `json:"attributes"`
	Labels     jsontext.Value `json:"labels"`
}

// apply gives what the resource's content is after the patch.
func (p Patch) apply(to Resource) (Draft, error) {
	broken := ErrInvalid
	name := string(to.Name)
	d := Draft{Name: &name}
	if err := mergeText(p.Type, &d.Type); err != nil {
		broken = broken.At("/type", "must be a string, and cannot change")
	}
	if err := mergeText(p.Name, &d.Name); err != nil {
		broken = broken.At("/name", "must be a string")
	}
	var err error
	if d.Attributes, err = mergePatch(to.Attributes, p.Attributes); err != nil {
		broken = broken.At("/attributes", "must be an object or null")
	}
	labels, err := json.Marshal(to.Labels)
	if err == nil {
		labels, err = mergePatch(labels, p.Labels)
	}
	if err == nil && len(labels) > 0 {
		err = json.Unmarshal(labels, &d.Labels)
	}
	if err != nil {
		broken = broken.At("/labels", "must be an object of strings or nulls, or null")
	}
	if len(broken.Violations) > 0 {
		return Draft{}, broken
	}
	return d, nil
}

// mergeText leaves target alone when patch is absent.
func mergeText(patch jsontext.Value, target **string) error {
	if len(patch) == 0 {
		return nil
	}
	var s *string
	if err := json.Unmarshal(patch, &s); err != nil {
		return err
	}
	*target = s // null removes, and a required member that is gone is reported
	return nil
}

// mergePatch is the algorithm of RFC 7396 §2. A null or missing result is
// empty.
func mergePatch(target, patch jsontext.Value) (jsontext.Value, error) {
	switch {
	case len(patch) == 0:
		return target, nil
	case patch.Kind() == 'n':
		return nil, nil
	case patch.Kind() != '{':
		return patch, nil
	}
	var into, from map[string]jsontext.Value
	if err := json.Unmarshal(patch, &from); err != nil {
		return nil, err
	}
	if len(target) > 0 && target.Kind() == '{' {
		if err := json.Unmarshal(target, &into); err != nil {
			return nil, err
		}
	}
	if into == nil {
		into = make(map[string]jsontext.Value, len(from))
	}
	for key, value := range from {
		merged, err := mergePatch(into[key], value)
		if err != nil {
			return nil, err
		}
		if merged == nil {
			delete(into, key)
		} else {
			into[key] = merged
		}
	}
	return json.Marshal(into, json.Deterministic(true))
}
