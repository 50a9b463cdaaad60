package env

import (
	"encoding"
	"errors"
	"iter"
	"reflect"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Variable describes one setting, for documents and their tests.
type Variable struct {
	Name     string
	Default  string
	Required bool
	Secret   bool // may also be given as Name_FILE
}

// Variables lists what [Load] would read into a T, in the order of its fields.
func Variables[T any]() []Variable {
	var list []Variable
	var walk func(reflect.Value)
	walk = func(v reflect.Value) {
		for field, sf := range fieldsOf(v) {
			if name := nameOf(sf); name != "" {
				_, options, _ := strings.Cut(sf.Tag.Get("env"), ",")
				list = append(list, Variable{
					Name: name, Default: sf.Tag.Get("envDefault"),
					Required: options == "required", Secret: sf.Type == reflect.TypeFor[Secret](),
				})
			} else if field.Kind() == reflect.Struct {
				walk(field)
			}
		}
	}
	var config T
	walk(reflect.ValueOf(&config).Elem())
	return list
}

// fieldsOf yields the fields that can be set and are not left out by "-".
func fieldsOf(v reflect.Value) iter.Seq2[reflect.Value, reflect.StructField] {
	return func(yield func(reflect.Value, reflect.StructField) bool) {
		for i := range v.NumField() {
			sf := v.Type().Field(i)
			if !sf.IsExported() || sf.Tag.Get("env") == "-" {
				continue
			}
			sf.Anonymous = false // the parser would look inside
			if !yield(v.Field(i), sf) {
				return
			}
		}
	}
}

func nameOf(sf reflect.StructField) string {
	name, _, _ := strings.Cut(sf.Tag.Get("env"), ",")
	return name
}

// explain words a parser's error without the value, which the error quotes.
func explain(err error, t reflect.Type) string {
	if errors.Is(err, env.VarIsNotSetError{}) || errors.Is(err, env.EmptyVarError{}) {
		return "must be set"
	}
	if t == reflect.TypeFor[time.Duration]() {
		return "must be a duration such as 500ms, 10s or 2h"
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return "is malformed" // it has a form of its own, whatever its kind
	}
	switch t.Kind() { //nolint:exhaustive // Every other kind reads alike.
	case reflect.Bool:
		return "must be true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "must be a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "must be a whole number, not negative"
	case reflect.Float32, reflect.Float64:
		return "must be a number"
	default:
		return "is malformed"
	}
}
