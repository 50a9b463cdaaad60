package httpserver_test

import (
	"encoding"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/fault"
	"tandem.example/pkg/httpserver"
)

// colour refuses what it does not know with a fault of its own.
type colour string

var _ encoding.TextUnmarshaler = (*colour)(nil)

func (c *colour) UnmarshalText(text []byte) error {
	if string(text) != "red" {
		return fault.New(fault.Invalid, "unknown_colour", "must be red")
	}
	*c = colour(text)
	return nil
}

type thing struct {
	Name   string            `json:"name"`
	Size   int               `json:"size"`
	Ratio  float64           `json:"ratio"`
	On     bool              `json:"on"`
	Colour colour            `json:"colour"`
	Tags   []string          `json:"tags"`
	Labels map[string]string `json:"labels"`
	Inner  *struct {
		N uint8 `json:"n"`
	} `json:"inner"`
	Raw jsontext.Value `json:"raw"`
}

type problem struct {
	Code   string            `json:"code"`
	Detail string            `json:"detail"`
	Errors []fault.Violation `json:"errors"`
}

func decodeServer(t *testing.T) running {
	t.Helper()
	return start(t, func(o *httpserver.Options) {
		o.Config.BodyLimit = 64 << 10
		o.Routes = []httpserver.Route{
			handle("POST", "/things", func(c *fiber.Ctx) error {
				v, err := httpserver.Decode[thing](c)
				if err != nil {
					return err
				}
				return c.JSON(v)
			}),
			handle("PATCH", "/things", func(c *fiber.Ctx) error {
				v, err := httpserver.DecodeAs[map[string]any](c, httpserver.MergePatch)
				if err != nil {
					return err
				}
				return c.JSON(v)
			}),
		}
	})
}

func TestDecodeSaysWhere(t *testing.T) {
	t.Parallel()
	s := decodeServer(t)
	nested := func(n int) string { return `{"raw":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}` }
	for name, test := range map[string]struct{ body, code, pointer, detail string }{
		"unknown":            {`{"name":"a","nome":"b"}`, "invalid_body", "/nome", "is not a member here"},
		"unknown below":      {`{"inner":{"n":1,"m":2}}`, "invalid_body", "/inner/m", "is not a member here"},
		"other case":         {`{"Name":"a"}`, "invalid_body", "/Name", "is not a member here"},
		"escaped name":       {`{"a/b~c":1}`, "invalid_body", "/a~1b~0c", "is not a member here"},
		"repeated":           {`{"name":"a","size":1,"name":"b"}`, "invalid_body", "/name", "must not be repeated"},
		"repeated escaped":   {`{"name":"a","\u006eame":"b"}`, "invalid_body", "/name", "must not be repeated"},
		"repeated in map":    {`{"labels":{"x":"1","x":"2"}}`, "invalid_body", "/labels/x", "must not be repeated"},
		"repeated in raw":    {`{"raw":[{"k":1,"k":2}]}`, "invalid_body", "/raw/0/k", "must not be repeated"},
		"string wanted":      {`{"name":7}`, "invalid_body", "/name", "must be a string"},
		"integer wanted":     {`{"size":1.5}`, "invalid_body", "/size", "must be an integer in range"},
		"integer, not text":  {`{"size":"1"}`, "invalid_body", "/size", "must be an integer in range"},
		"out of range":       {`{"inner":{"n":256}}`, "invalid_body", "/inner/n", "must be a non-negative integer in range"},
		"boolean wanted":     {`{"on":1}`, "invalid_body", "/on", "must be true or false"},
		"number wanted":      {`{"ratio":{}}`, "invalid_body", "/ratio", "must be a number"},
		"array wanted":       {`{"tags":"a"}`, "invalid_body", "/tags", "must be an array"},
		"in an array":        {`{"tags":["a",2]}`, "invalid_body", "/tags/1", "must be a string"},
		"object wanted":      {`[]`, "invalid_body", "", "must be an object"},
		"own rule":           {`{"colour":"hunter2"}`, "invalid_body", "/colour", "must be red"},
		"too deep":           {nested(33), "invalid_body", "/raw" + strings.Repeat("/0", 31), "must not be nested deeper than 32 levels"},
		"far too deep":       {nested(9000), "invalid_body", "/raw" + strings.Repeat("/0", 31), "must not be nested deeper than 32 levels"},
		"wrong before deep":  {`{"name":,"raw":` + strings.Repeat("[", 99), "malformed_json", "/name", "is not well-formed"},
		"empty":              {" \n", "malformed_json", "", "must not be empty"},
		"null":               {" null\n", "invalid_body", "", "must not be null"},
		"cut":                {`{"name":"a"`, "malformed_json", "", "is not well-formed"},
		"not JSON":           {`name=hunter2`, "malformed_json", "", "is not well-formed"},
		"two values":         {`{} {}`, "malformed_json", "", "is not well-formed"},
		"invalid UTF-8":      {"{\"name\":\"\xff\"}", "malformed_json", "/name", "is not well-formed"},
		"trailing comma":     {`{"name":"a",}`, "malformed_json", "", "is not well-formed"},
		"comment":            {`{/* hunter2 */}`, "malformed_json", "", "is not well-formed"},
		"not a number":       {`{"ratio":NaN}`, "malformed_json", "/ratio", "is not well-formed"},
		"half a surrogate":   {`{"name":"\ud800"}`, "malformed_json", "/name", "is not well-formed"},
		"byte order mark":    {"\uFEFF{}", "malformed_json", "", "is not well-formed"},
		"brackets in string": {`{"nome":"` + strings.Repeat(`[\"`, 40) + `"}`, "invalid_body", "/nome", "is not a member here"},
	} {
		got := call(t, "POST", s.URL+"/things", test.body, "Content-Type", "application/json")
		var p problem
		if err := json.Unmarshal([]byte(got.Body), &p); err != nil || got.StatusCode != 400 {
			t.Errorf("%s: %s %s", name, got.Status, got.Body)
			continue
		}
		want := fault.Violation{Pointer: test.pointer, Detail: test.detail}
		if p.Code != test.code || len(p.Errors) != 1 || p.Errors[0] != want {
			t.Errorf("%s: got %s %v\nwant %s %v", name, p.Code, p.Errors, test.code, want)
		}
		if strings.Contains(got.Body, "hunter2") {
			t.Errorf("%s: a value is repeated: %s", name, got.Body)
		}
	}
}

func TestDecodeKeepsAnswersShort(t *testing.T) {
	t.Parallel()
	s := decodeServer(t)
	got := call(t, "POST", s.URL+"/things", `{"`+strings.Repeat("é", 10_000)+`":1}`, "Content-Type", "application/json")
	if got.StatusCode != 400 || len(got.Body) > 1000 || !json.Valid([]byte(got.Body)) {
		t.Fatalf("%s, %d bytes: %.300s", got.Status, len(got.Body), got.Body)
	}
}

func TestDecodeTakesWhatIsRight(t *testing.T) {
	t.Parallel()
	s := decodeServer(t)
	body := `{"name":"a","size":2,"ratio":0.5,"on":true,"colour":"red","tags":["x"],"labels":{"k":"v"},"inner":{"n":255},"raw":[[["]"]]]}`
	for _, mediaType := range []string{"application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"} {
		got := call(t, "POST", s.URL+"/things", body, "Content-Type", mediaType)
		if got.StatusCode != 200 || !strings.Contains(got.Body, `"n":255`) {
			t.Errorf("%s: %s %s", mediaType, got.Status, got.Body)
		}
	}
	deepest := `{"raw":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`
	if got := call(t, "POST", s.URL+"/things", deepest, "Content-Type", "application/json"); got.StatusCode != 200 {
		t.Errorf("32 levels are refused: %s", got.Body)
	}
	if got := call(t, "PATCH", s.URL+"/things", `{"a":null}`, "Content-Type", "application/merge-patch+json"); got.Body != `{"a":null}` {
		t.Errorf("got %s %s", got.Status, got.Body)
	}
}

func TestDecodeWantsTheMediaType(t *testing.T) {
	t.Parallel()
	s := decodeServer(t)
	for _, test := range [][]string{
		{"POST"},
		{"POST", "Content-Type", "text/plain"},
		{"POST", "Content-Type", "application/merge-patch+json"},
		{"POST", "Content-Type", "application/json; charset=latin1"},
		{"POST", "Content-Type", "application/json; charset"},
		{"POST", "Content-Type", "application/json", "Content-Encoding", "gzip"},
		{"PATCH", "Content-Type", "application/json"},
	} {
		got := call(t, test[0], s.URL+"/things", `{}`, test[1:]...)
		var p problem
		if err := json.Unmarshal([]byte(got.Body), &p); err != nil || got.StatusCode != 415 || p.Code != "unsupported_media_type" || len(p.Errors) != 1 {
			t.Errorf("%v: %s %s", test, got.Status, got.Body)
		}
	}
}
