package httpserver

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tandem.example/pkg/fault"
)

const (
	maxDepth   = 32  // objects and arrays in each other
	maxPointer = 256 // bytes of a pointer that are repeated to the client
)

var (
	errMalformed = fault.New(fault.Invalid, "malformed_json", "the body is not well-formed JSON")
	errBody      = fault.New(fault.Invalid, "invalid_body", "the body does not have the form this request needs")
)

func decodeJSON[T any](body []byte) (T, error) {
	var value, zero T
	switch text := bytes.TrimSpace(body); {
	case len(text) == 0:
		return zero, errMalformed.At("", "must not be empty")
	case string(text) == "null": // which would decode into anything, as nothing
		return zero, errBody.At("", "must not be null")
	}
	if deep(body) {
		return zero, tooDeep(body)
	}
	if err := json.Unmarshal(body, &value, json.RejectUnknownMembers(true)); err != nil {
		return zero, explain(err)
	}
	return value, nil
}

// deep reports whether body nests too far, or may. It looks at bytes only, so
// that the usual body is parsed once.
func deep(body []byte) bool {
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch b := body[i]; {
		case inString && b == '\\':
			i++
		case b == '"':
			inString = !inString
		case inString:
		case b == '{' || b == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case b == '}' || b == ']':
			depth--
		}
	}
	return false
}

// tooDeep finds the place that deep suspects, unless something else is wrong
// before it.
func tooDeep(body []byte) error {
	tokens := jsontext.NewDecoder(bytes.NewReader(body))
	for tokens.StackDepth() <= maxDepth {
		if _, err := tokens.ReadToken(); err != nil {
			return explain(err)
		}
	}
	return errBody.At(short(tokens.StackPointer()), "must not be nested deeper than 32 levels")
}

// explain says where and what, in words that repeat nothing of the body but the
// names on the way there.
func explain(err error) error {
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(syntax.Err, jsontext.ErrDuplicateName) {
			return errBody.At(short(syntax.JSONPointer), "must not be repeated")
		}
		return errMalformed.At(short(syntax.JSONPointer), "is not well-formed")
	}
	semantic, ok := errors.AsType[*json.SemanticError](err)
	if !ok {
		return errMalformed.Because(err)
	}
	at := short(semantic.JSONPointer)
	if errors.Is(semantic.Err, json.ErrUnknownName) {
		return errBody.At(at, "is not a member here")
	}
	if own, ok := errors.AsType[*fault.Error](semantic.Err); ok {
		return errBody.At(at, own.Detail)
	}
	return errBody.At(at, expected(semantic.GoType))
}

// expected names what JSON a Go type takes.
func expected(t reflect.Type) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return "has the wrong type"
	}
	switch t.Kind() { //nolint:exhaustive // The others are not told apart in JSON.
	case reflect.Bool:
		return "must be true or false"
	case reflect.String:
		return "must be a string"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "must be an integer in range"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "must be a non-negative integer in range"
	case reflect.Float32, reflect.Float64:
		return "must be a number"
	case reflect.Struct, reflect.Map:
		return "must be an object"
	case reflect.Slice, reflect.Array:
		return "must be an array"
	default:
		return "has the wrong type"
	}
}

// short keeps an answer from repeating a member name of any length.
func short(pointer jsontext.Pointer) string {
	text := string(pointer)
	if len(text) <= maxPointer {
		return text
	}
	cut := maxPointer
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return strings.Clone(text[:cut]) + "…"
}
