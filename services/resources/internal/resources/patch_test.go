package resources

import (
	"errors"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

func TestPatch(t *testing.T) {
	t.Parallel()
	now := Resource{
		Type: "invoice", Name: "old",
		Attributes: jsontext.Value(`{"keep":1,"drop":2,"deep":{"x":1,"y":2}}`), Labels: Labels{"env": "prod", "team": "a"},
	}
	for name, c := range map[string]struct{ patch, want string }{
		"nothing":            {`{}`, `old {"deep":{"x":1,"y":2},"drop":2,"keep":1} {"env":"prod","team":"a"}`},
		"name":               {`{"name":"new"}`, `new {"deep":{"x":1,"y":2},"drop":2,"keep":1} {"env":"prod","team":"a"}`},
		"members merge":      {`{"attributes":{"drop":null,"deep":{"x":null,"z":3}}}`, `old {"deep":{"y":2,"z":3},"keep":1} {"env":"prod","team":"a"}`},
		"an array replaces":  {`{"attributes":{"deep":[null]}}`, `old {"deep":[null],"drop":2,"keep":1} {"env":"prod","team":"a"}`},
		"null clears":        {`{"attributes":null,"labels":null}`, `old {} {}`},
		"labels merge":       {`{"labels":{"team":null,"tier":"1"}}`, `old {"deep":{"x":1,"y":2},"drop":2,"keep":1} {"env":"prod","tier":"1"}`},
		"same type":          {`{"type":"invoice"}`, `old {"deep":{"x":1,"y":2},"drop":2,"keep":1} {"env":"prod","team":"a"}`},
		"another type":       {`{"type":"order"}`, ""},
		"name removed":       {`{"name":null}`, ""},
		"name a number":      {`{"name":1}`, ""},
		"attributes a text":  {`{"attributes":"x"}`, ""},
		"a label a number":   {`{"labels":{"a":1}}`, ""},
		"labels an array":    {`{"labels":[]}`, ""},
		"a label of a label": {`{"labels":{"a":{"b":"c"}}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var p Patch
			if err := json.Unmarshal([]byte(c.patch), &p); err != nil {
				t.Fatal(err)
			}
			got, err := patched(p, now)
			if c.want == "" && !errors.Is(err, ErrInvalid) || c.want != "" && (err != nil || got != c.want) {
				t.Errorf("%s: %v", got, err)
			}
		})
	}
}

func patched(p Patch, now Resource) (string, error) {
	d, err := p.apply(now)
	if err != nil {
		return "", err
	}
	_, c, err := d.parse(now.Type)
	if err != nil {
		return "", err
	}
	labels, err := json.Marshal(c.labels, json.Deterministic(true))
	return string(c.name) + " " + string(c.attributes) + " " + string(labels), err
}

func FuzzPatch(f *testing.F) {
	f.Add(`{"attributes":{"a":{"b":null}},"labels":{"x":null}}`)
	f.Add(`{"name":null,"type":[]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var p Patch
		if json.Unmarshal([]byte(text), &p) != nil {
			return
		}
		now := Resource{Type: "a", Name: "n", Attributes: jsontext.Value(`{"a":1}`), Labels: Labels{}}
		d, err := p.apply(now)
		if err != nil {
			return
		}
		_, c, err := d.parse("a")
		if err == nil && !c.attributes.IsValid() {
			t.Fatalf("%s became %s", text, c.attributes)
		}
	})
}
