// Package env turns the process environment into typed configuration.
//
// It promises that a program starts with a complete and safe configuration or
// learns everything that is wrong with it at once, and that neither a report
// nor a printed configuration shows a secret.
//
// A configuration is a struct of structs, one per package that needs settings.
// Fields carry `env:"NAME"`, `env:"NAME,required"` and `envDefault:"…"`. A
// field of type [Secret] may be given as NAME or as a file named by NAME_FILE.
// An empty variable counts as unset, so that a line may stay in a file without
// a value.
package env

import "reflect"

// The environments that APP_ENV may name.
const (
	Development = "dev"
	Test        = "test"
	Production  = "prod"
)

// App is what every program of the project is told about itself.
type App struct {
	Env    string `env:"APP_ENV" envDefault:"prod"`
	Region string `env:"REGION" envDefault:"local"`
}

// Check refuses an environment nobody has written rules for.
func (a App) Check(appEnv string, report func(variable, problem string)) {
	if a.Env != appEnv {
		report("APP_ENV", "must be dev, test or prod")
	}
	if !PlainName(a.Region) {
		report("REGION", "must be 1 to 63 lower-case letters, digits or hyphens")
	}
}

// PlainName tells whether a region's name can be part of keys, subjects and labels.
func PlainName(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 63
}

// Checker is what a configuration struct implements to state its own rules.
// Report takes the name of a variable and what would be right, never a value.
type Checker interface {
	Check(appEnv string, report func(variable, problem string))
}

// Load fills a T from lookup, which is [os.LookupEnv] in a program. The error
// is a [LoadError] of every mistake. Rules are those of production unless APP_ENV
// says otherwise, also when what it says is wrong.
func Load[T any](lookup func(string) (string, bool)) (T, error) {
	var config T
	l := loader{lookup: lookup, appEnv: Production}
	if name, ok := lookup("APP_ENV"); ok && (name == Development || name == Test) {
		l.appEnv = name
	}
	l.fill(reflect.ValueOf(&config).Elem())
	if len(l.problems) > 0 {
		return config, l.problems
	}
	return config, nil
}
