package httpserver

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"tandem.example/pkg/fault"
)

type sample struct {
	Name string            `json:"name"`
	N    int               `json:"n"`
	Map  map[string]sample `json:"map"`
	List []sample          `json:"list"`
	Raw  jsontext.Value    `json:"raw"`
}

// FuzzDecode holds the decoder to its promise: an error is a declared fault
// that names a place, and what is taken is JSON, not too deep, that the
// standard library reads alike.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `[]`, `null`, `{"name":"a","n":1}`, `{"n":1,"n":2}`, `{"map":{"a":{"list":[{"raw":[1,{"x":"]"}]}]}}}`,
		`{"name":"\ud800"}`, `{"x":`, "\xff", strings.Repeat("[", 40), `{"raw":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`,
		`{"raw":"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}`, `{"name":"a"}{`, `{"n":1e400}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := string(body)
		got, err := decodeJSON[sample](body)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if d := depthOf(t, body); d > maxDepth {
			t.Fatalf("%d levels were taken", d)
		}
		var std sample
		if err := json.Unmarshal(body, &std); err != nil {
			t.Fatalf("taken, but encoding/json says: %v", err)
		}
		clear(body) // as if Fiber had reused the buffer
		again, err := json.Marshal(got)
		want, _ := json.Marshal(std)
		if err != nil || string(again) != string(want) {
			t.Fatalf("of %q: got %s, want %s (%v)", before, again, want, err)
		}
	})
}

func checkRefusal(t *testing.T, err error) {
	t.Helper()
	refusal := fault.From(err)
	if refusal.Code != errMalformed.Code && refusal.Code != errBody.Code {
		t.Fatalf("not a declared fault: %v", err)
	}
	if len(refusal.Violations) != 1 || len(refusal.Violations[0].Pointer) > maxPointer+len("…") {
		t.Fatalf("says not where, or too much: %v", refusal.Violations)
	}
}

func depthOf(t *testing.T, body []byte) int {
	t.Helper()
	deepest := 0
	tokens := jsontext.NewDecoder(strings.NewReader(string(body)))
	for {
		if _, err := tokens.ReadToken(); err != nil {
			return deepest
		}
		deepest = max(deepest, tokens.StackDepth())
	}
}
