package audit

import (
	"bytes"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/oasdiff/yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"tandem.example/pkg/revocation"
)

// documented is the AsyncAPI document as plain JSON values.
func documented(t *testing.T) map[string]any {
	t.Helper()
	text, err := os.ReadFile("../../api/asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	return generic(t, raw)
}

func generic(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return v.(map[string]any)
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

func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7) // AsyncAPI 3 schemas are a superset of it
	c.AssertFormat()
	if err := c.AddResource("asyncapi.json", documented(t)); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("asyncapi.json#/components/schemas/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func members(t *testing.T, of any) []string {
	t.Helper()
	return slices.Sorted(maps.Keys(of.(map[string]any)))
}

// What is announced is what the document says, member by member.
func TestWhatIsAnnouncedIsDocumented(t *testing.T) {
	t.Parallel()
	doc := documented(t)
	seen := map[string]map[string]bool{"audited": {}, "event": {}, "revoked": {}, "revocation": {}}
	for _, kind := range types() {
		for _, detail := range []map[string]string{{}, {DetailTokenID: "x", DetailExcept: "y", DetailBefore: "2026-11-20T19:32:13.5Z"}} {
			e := New(t.Context(), Event{Type: kind, Subject: "user", ClientID: "client", SessionID: "session", Detail: detail})
			e = e.tidied()
			list, err := announcements(&e, "local/auth")
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range list {
				outer, inner := "audited", "event"
				if a.stream == revocation.Stream {
					outer, inner = "revoked", "revocation"
				}
				wire := generic(t, a.body)
				if err := schema(t, outer).Validate(wire); err != nil {
					t.Errorf("%s: %v", kind, err)
				}
				for _, m := range members(t, wire) {
					seen[outer][m] = true
				}
				for _, m := range members(t, wire["data"]) {
					seen[inner][m] = true
				}
			}
		}
	}
	for name, got := range seen {
		want := members(t, at(t, doc, "components", "schemas", name, "properties"))
		if have := slices.Sorted(maps.Keys(got)); !slices.Equal(have, want) {
			t.Errorf("%s: the code writes %v, the document has %v", name, have, want)
		}
	}
}

func TestDocumentedExamplesAreRight(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"audited", "revoked"} {
		message := at(t, documented(t), "components", "messages", name)
		if at(t, message, "contentType") != revocation.ContentType {
			t.Error("the content type differs")
		}
		for _, example := range at(t, message, "examples").([]any) {
			if err := schema(t, name).Validate(at(t, example, "payload")); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestTheDocumentNamesWhereEventsAre(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][3]string{
		"audit": {Stream, StreamPattern, prefix + "{type}"}, "revocations": {revocation.Stream, revocation.StreamPattern, "revocations.v1.{topic}"},
	} {
		channel := at(t, documented(t), "channels", name)
		text := at(t, channel, "description").(string)
		if !strings.Contains(text, want[0]) || !strings.Contains(text, want[1]) || at(t, channel, "address") != want[2] {
			t.Errorf("%s: %s, %v", name, text, at(t, channel, "address"))
		}
	}
}

// The ends of a kind are one announcement, however many sessions they were, and
// what has failed has ended nothing.
func TestWhatEnds(t *testing.T) {
	t.Parallel()
	at := New(t.Context(), Event{}).At
	for want, e := range map[string]Event{
		"session.sid":  {Type: SessionEnd, SessionID: "sid", Subject: "sub"},
		"user.sub":     {Type: UserEndSessions, Subject: "sub"},
		"client.cid":   {Type: ClientEnd, ClientID: "cid"},
		"all":          {Type: CutOff},
		"token.jti":    {Type: TokenRevoke, SessionID: "sid", Subject: "sub", Detail: map[string]string{DetailTokenID: "jti"}},
		"session.sid2": {Type: TokenRevoke, SessionID: "sid2"},
		"":             {Type: TokenIssue, SessionID: "sid"},
	} {
		e.Outcome, e.At = Success, at
		r, ok := ends(&e)
		if ok != (want != "") || ok && (r.Topic() != want || !r.Before.Equal(at)) {
			t.Errorf("%s: %+v %v, want %q", e.Type, r, ok, want)
		}
		e.Outcome = Failure
		if _, ok := ends(&e); ok {
			t.Errorf("%s failed, and ended something", e.Type)
		}
	}
}
