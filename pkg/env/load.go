package env

import (
	"errors"
	"os"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"
)

// maxSecretFile keeps a wrong path, such as a device, from filling the memory.
const maxSecretFile = 64 << 10

// loader fills structs and gathers what is wrong.
type loader struct {
	lookup   func(string) (string, bool)
	appEnv   string
	problems LoadError
}

// fill sets the fields of one struct, descends into those that are structs of
// settings themselves, and then asks the struct for its own rules.
func (l *loader) fill(v reflect.Value) {
	for field, sf := range fieldsOf(v) {
		if variable := nameOf(sf); variable != "" {
			l.set(field, sf, variable)
		} else if field.Kind() == reflect.Struct {
			l.fill(field)
		}
	}
	if c, ok := reflect.TypeAssert[Checker](v.Addr()); ok {
		c.Check(l.appEnv, l.add)
	}
}

func (l *loader) add(variable, problem string) {
	if !l.problems.names(variable) {
		l.problems = append(l.problems, Problem{variable, problem})
	}
}

// set parses one field in a struct of its own: the parser names fields in its
// errors, and two packages may both call a field URL.
func (l *loader) set(field reflect.Value, sf reflect.StructField, variable string) {
	value, ok := l.value(sf, variable)
	if !ok {
		return
	}
	given := map[string]string{}
	if value != "" {
		given[variable] = value
	}
	one := reflect.New(reflect.StructOf([]reflect.StructField{sf}))
	if err := env.ParseWithOptions(one.Interface(), env.Options{Environment: given}); err != nil {
		l.add(variable, explain(err, sf.Type))
		return
	}
	field.Set(one.Elem().Field(0))
	secret, ok := reflect.TypeAssert[Secret](field)
	if ok && l.appEnv == Production && secret.Placeholder() {
		l.add(variable, "is a known default value: set one of your own")
	}
}

// value finds what a variable is set to, in a file if it is a secret. It is not
// ok if that was tried and failed, which is then reported.
func (l *loader) value(sf reflect.StructField, variable string) (_ string, ok bool) {
	value, _ := l.lookup(variable)
	if sf.Type != reflect.TypeFor[Secret]() {
		return value, true
	}
	file, _ := l.lookup(variable + "_FILE")
	if file == "" {
		return value, true
	}
	if value != "" {
		l.add(variable, "must not be set together with "+variable+"_FILE")
		return "", false
	}
	content, problem := readSecret(file)
	if problem != "" {
		l.add(variable+"_FILE", problem)
		return "", false
	}
	return content, true
}

// readSecret drops the line end that editors and kubectl leave behind.
func readSecret(file string) (content, problem string) {
	info, err := os.Stat(file)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxSecretFile) {
		return "", "must name a small regular file"
	}
	raw, err := os.ReadFile(file) //nolint:gosec // The operator names the file.
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", "names a file that does not exist"
	case err != nil:
		return "", "names a file that cannot be read"
	}
	content = strings.TrimRight(string(raw), "\r\n")
	if content == "" {
		return "", "names an empty file"
	}
	return content, ""
}
