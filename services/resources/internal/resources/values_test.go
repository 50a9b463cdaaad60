package resources

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"tandem.example/pkg/fault"
)

func TestParseID(t *testing.T) {
	t.Parallel()
	const canonical = "0198c0de-0000-7000-8000-00000000abcd"
	for in, want := range map[string]string{
		canonical:                              canonical,
		strings.ToUpper(canonical):             canonical,
		"{" + canonical + "}":                  "",
		"urn:uuid:" + canonical:                "",
		"0198c0de00007000800000000000abcd":     "",
		canonical[:35]:                         "",
		canonical[:35] + "g":                   "",
		"0198c0de_0000_7000_8000_00000000abcd": "",
		"":                                     "",
	} {
		id, err := ParseID(in)
		if want == "" && !errors.Is(err, ErrInvalidID) || want != "" && (err != nil || id.String() != want) {
			t.Errorf("%q: %v, %v", in, id, err)
		}
	}
}

func TestDraftReportsEveryMistakeAtItsPlace(t *testing.T) {
	t.Parallel()
	good := func() Draft { return Draft{Type: new("invoice"), Name: new("n")} }
	for name, c := range map[string]struct {
		change func(*Draft)
		at     []string
	}{
		"as small as it gets":    {func(*Draft) {}, nil},
		"no type":                {func(d *Draft) { d.Type = nil }, []string{"/type"}},
		"type in capitals":       {func(d *Draft) { d.Type = new("Invoice") }, []string{"/type"}},
		"type of two tokens":     {func(d *Draft) { d.Type = new("a.b") }, []string{"/type"}},
		"type too long":          {func(d *Draft) { d.Type = new(strings.Repeat("a", 64)) }, []string{"/type"}},
		"type as long as it may": {func(d *Draft) { d.Type = new(strings.Repeat("a", 63)) }, nil},
		"no name":                {func(d *Draft) { d.Name = nil }, []string{"/name"}},
		"blank name":             {func(d *Draft) { d.Name = new(" \t ") }, []string{"/name"}},
		"name of 200 runes":      {func(d *Draft) { d.Name = new(strings.Repeat("é", 200)) }, nil},
		"name of 201 runes":      {func(d *Draft) { d.Name = new(strings.Repeat("é", 201)) }, []string{"/name"}},
		"name with NUL":          {func(d *Draft) { d.Name = new("a\x00b") }, []string{"/name"}},
		"attributes an array":    {func(d *Draft) { d.Attributes = jsontext.Value(`[]`) }, []string{"/attributes"}},
		"attributes null":        {func(d *Draft) { d.Attributes = jsontext.Value(`null`) }, []string{"/attributes"}},
		"attributes repeat":      {func(d *Draft) { d.Attributes = jsontext.Value(`{"a":1,"a":2}`) }, []string{"/attributes"}},
		"attributes too large": {func(d *Draft) {
			d.Attributes = jsontext.Value(`{"a":"` + strings.Repeat("x", maxAttributes) + `"}`)
		}, []string{"/attributes"}},
		"a label of null":      {func(d *Draft) { d.Labels = map[string]*string{"a": nil} }, []string{"/labels/a"}},
		"a label without key":  {func(d *Draft) { d.Labels = map[string]*string{" ": new("v")} }, []string{"/labels/ "}},
		"a key to be escaped":  {func(d *Draft) { d.Labels = map[string]*string{"a/b~c": nil} }, []string{"/labels/a~1b~0c"}},
		"type and name broken": {func(d *Draft) { d.Type, d.Name = nil, nil }, []string{"/type", "/name"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := good()
			c.change(&d)
			_, _, err := d.parse("")
			var at []string
			if err != nil {
				for _, v := range fault.From(err).Violations {
					at = append(at, v.Pointer)
				}
			}
			if !slices.Equal(at, c.at) {
				t.Errorf("reported %v: %v", at, err)
			}
		})
	}
}

func TestLabelsThatBecomeOneAreRefused(t *testing.T) {
	t.Parallel()
	d := Draft{Type: new("a"), Name: new("n"), Labels: map[string]*string{"a": new("1"), " a": new("2")}}
	if _, _, err := d.parse(""); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func TestTextIsTrimmedAndNormalised(t *testing.T) {
	t.Parallel()
	d := Draft{Type: new("a"), Name: new("  Cafe\u0301 "), Labels: map[string]*string{"e\u0301": new(" v ")}}
	_, c, err := d.parse("")
	if err != nil || c.name != "Caf\u00e9" || c.labels["\u00e9"] != "v" {
		t.Errorf("%q %q: %v", c.name, c.labels, err)
	}
}

func TestATypeCannotChange(t *testing.T) {
	t.Parallel()
	d := Draft{Type: new("other"), Name: new("n")}
	if _, _, err := d.parse("invoice"); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v", err)
	}
	d.Type = new("invoice")
	if _, _, err := d.parse("invoice"); err != nil {
		t.Errorf("repeating the type: %v", err)
	}
}

// Strong validators: equal tags must mean equal bytes, and numbers their digits.
func TestAttributesHaveOneForm(t *testing.T) {
	t.Parallel()
	got, problem := parseAttributes(jsontext.Value(` {"b" : 12345678901234567890.10, "a":[1E2, "<&>"] } `))
	if want := `{"a":[1E2,"<&>"],"b":12345678901234567890.10}`; problem != "" || string(got) != want {
		t.Errorf("%s: %s", got, problem)
	}
}
