package invalidation_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/oasdiff/yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"tandem.example/pkg/invalidation"
)

// document is AsyncAPI as plain JSON values.
func document(t *testing.T) map[string]any {
	t.Helper()
	raw, err := yaml.YAMLToJSON(invalidation.AsyncAPI)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return doc.(map[string]any)
}

func at(t *testing.T, v any, path ...string) any {
	t.Helper()
	for _, p := range path {
		next, ok := v.(map[string]any)[p]
		if !ok {
			t.Fatalf("the document has no %s in %s", p, strings.Join(path, "/"))
		}
		v = next
	}
	return v
}

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7) // AsyncAPI 3 schemas are a superset of it
	c.AssertFormat()
	if err := c.AddResource("asyncapi.json", document(t)); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("asyncapi.json#/components/schemas/resourceChanged")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func generic(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return v.(map[string]any)
}

func TestWhatIsEncodedIsDocumented(t *testing.T) {
	t.Parallel()
	s := schema(t)
	for _, action := range []invalidation.Action{invalidation.Created, invalidation.Updated, invalidation.Deleted} {
		e := sample()
		e.Change.Action = action
		if err := s.Validate(generic(t, encode(t, e))); err != nil {
			t.Error(err)
		}
	}
	wire := generic(t, encode(t, sample()))
	for path, got := range map[string]any{"resourceChanged": wire, "change": wire["data"]} {
		documented := at(t, document(t), "components", "schemas", path, "properties").(map[string]any)
		want := slices.Sorted(maps.Keys(documented))
		if have := slices.Sorted(maps.Keys(got.(map[string]any))); !slices.Equal(have, want) {
			t.Errorf("%s: the code writes %v, the document has %v", path, have, want)
		}
	}
}

func TestDocumentedExampleIsDecoded(t *testing.T) {
	t.Parallel()
	message := at(t, document(t), "components", "messages", "resourceChanged")
	for _, example := range at(t, message, "examples").([]any) {
		raw, err := json.Marshal(at(t, example, "payload"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := invalidation.Decode(raw); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
		if err := schema(t).Validate(generic(t, raw)); err != nil {
			t.Error(err)
		}
	}
	if at(t, message, "contentType") != invalidation.ContentType {
		t.Error("the content type differs")
	}
}

// The document and the decoder refuse the same things: each member left out,
// made null, or given a value of every kind.
func TestDecoderAndDocumentAgree(t *testing.T) {
	t.Parallel()
	s := schema(t)
	values := []any{
		nil, "", "x", "a.b", "A", "application/json", "tandem.resource.deleted.v1", "tandem.resource.gone.v1",
		strings.Repeat("k", 512), strings.Repeat("k", 513), json.Number("0"), json.Number("1"), json.Number("1.5"), json.Number("9223372036854775807"),
		json.Number("9223372036854775808"), true,
		[]any{},
		[]any{""},
		[]any{"k"},
		[]any{json.Number("1")},
		map[string]any{},
		"2026-11-20T19:32:13Z",
	}
	tried := 0
	check := func(wire map[string]any, what string) {
		raw, err := json.Marshal(wire)
		if err != nil {
			t.Fatal(err)
		}
		documented := s.Validate(generic(t, raw))
		_, decoded := invalidation.Decode(raw)
		if (documented == nil) != (decoded == nil) {
			t.Errorf("%s: the document says %v, the decoder %v", what, documented, decoded)
		}
		tried++
	}
	for _, inner := range []bool{false, true} {
		wire := generic(t, encode(t, sample()))
		object := wire
		if inner {
			object = wire["data"].(map[string]any)
		}
		for member, right := range maps.Clone(object) {
			delete(object, member)
			check(wire, "without "+member)
			for _, v := range values {
				object[member] = v
				// That the subject repeats type and id cannot be said in a schema.
				data, ok := wire["data"].(map[string]any)
				if ok && member != "subject" {
					if id, isText := data["id"].(string); isText {
						if kind, isText := data["type"].(string); isText {
							wire["subject"] = kind + "." + id
						}
					}
				} else if _, isText := v.(string); isText {
					continue
				}
				raw, _ := json.Marshal(v)
				check(wire, member+"="+string(raw))
			}
			object[member] = right
			wire["subject"] = sample().Change.Subject()
		}
	}
	if tried < 200 {
		t.Fatalf("only %d cases", tried)
	}
}

func TestDocumentNamesWhereEventsAre(t *testing.T) {
	t.Parallel()
	channel := at(t, document(t), "channels", "resourceChanges")
	if got := at(t, channel, "address"); got != invalidation.Address("{type}.{id}") {
		t.Errorf("address %v", got)
	}
	if text := at(t, channel, "description").(string); !strings.Contains(text, invalidation.Stream) || !strings.Contains(text, invalidation.StreamPattern) {
		t.Errorf("the stream is not named: %s", text)
	}
	parameters := slices.Sorted(maps.Keys(at(t, channel, "parameters").(map[string]any)))
	if !reflect.DeepEqual(parameters, []string{"id", "type"}) {
		t.Errorf("parameters %v", parameters)
	}
	if at(t, document(t), "asyncapi") != "3.0.0" {
		t.Error("not AsyncAPI 3")
	}
}
