package resources

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"
)

// The limits of a resource, in characters and bytes.
const (
	maxName       = 200
	maxAttributes = 64 << 10
	maxLabels     = 64
	maxLabelKey   = 63
	maxLabelValue = 255
)

// ID is a resource's id, a UUID; those made here are of version 7, so that they
// grow with time.
type ID uuid.UUID

// NewID makes an id that was never used.
func NewID() ID { return ID(uuid.Must(uuid.NewV7())) }

// ParseID accepts the canonical form, in either case. It returns [ErrInvalidID].
func ParseID(s string) (ID, error) {
	if len(s) != 36 { // uuid.Parse also takes the urn, brace and 32-digit forms
		return ID{}, ErrInvalidID
	}
	id, err := uuid.Parse(s)
	if err != nil {
		return ID{}, ErrInvalidID
	}
	return ID(id), nil
}

// String is the canonical form, in lower case.
func (id ID) String() string { return uuid.UUID(id).String() }

// MarshalText implements [encoding.TextMarshaler].
func (id ID) MarshalText() ([]byte, error) { return uuid.UUID(id).MarshalText() }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := ParseID(string(text))
	*id = parsed
	return err
}

// Type says what kind of thing a resource is. It is one token of a NATS
// subject.
type Type string

var typeForm = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

func parseType(s string) (Type, string) {
	if !typeForm.MatchString(s) {
		return "", "must match " + typeForm.String()
	}
	return Type(s), ""
}

// Name is what people call a resource.
type Name string

func parseName(s string) (Name, string) {
	s, problem := parseText(s, maxName)
	if problem == "" && s == "" {
		problem = "must not be empty"
	}
	return Name(s), problem
}

// parseText trims and normalises (NFC) a line of text for people.
func parseText(s string, limit int) (string, string) {
	s = norm.NFC.String(strings.TrimSpace(s))
	switch {
	case utf8.RuneCountInString(s) > limit:
		return "", fmt.Sprintf("must have at most %d characters", limit)
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", "must not hold control characters"
	}
	return s, ""
}

// Labels are short marks to find resources by.
type Labels map[string]string

// parseLabels reports problems at the label's key.
func parseLabels(in map[string]*string, problem func(key, detail string)) Labels {
	out := make(Labels, len(in))
	if len(in) > maxLabels {
		problem("", fmt.Sprintf("must have at most %d labels", maxLabels))
	}
	for k, v := range in {
		key, bad := parseText(k, maxLabelKey)
		if bad == "" && key == "" {
			bad = "must not have an empty key"
		}
		if _, twice := out[key]; twice {
			bad = "is the same key as another once normalised"
		}
		if bad == "" && v == nil {
			bad = "must be a string"
		}
		if bad == "" {
			out[key], bad = parseText(*v, maxLabelValue)
		}
		if bad != "" {
			problem(k, bad)
		}
	}
	return out
}

// parseAttributes accepts a JSON object and gives its one compact form. Numbers
// stay as they were written.
func parseAttributes(in jsontext.Value) (jsontext.Value, string) {
	if len(in) == 0 {
		return jsontext.Value("{}"), ""
	}
	if in.Kind() != '{' {
		return nil, "must be an object"
	}
	out := in.Clone()
	if err := out.Canonicalize(jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false)); err != nil {
		return nil, "must be valid JSON without repeated members"
	}
	if len(out) > maxAttributes {
		return nil, fmt.Sprintf("must have at most %d bytes", maxAttributes)
	}
	return out, ""
}
