package env

import "strings"

// Problem is one mistake in the environment.
type Problem struct {
	Variable string
	Text     string // what would be right; never the value
}

// LoadError is every mistake found in one environment.
type LoadError []Problem

// Error has one line for each mistake.
func (e LoadError) Error() string {
	var text strings.Builder
	text.WriteString("the environment is not usable:")
	for _, p := range e {
		text.WriteString("\n  " + p.Variable + " " + p.Text)
	}
	return text.String()
}

// names reports whether a variable is listed already: the first mistake
// about it usually explains the rest.
func (e LoadError) names(variable string) bool {
	for _, p := range e {
		if p.Variable == variable {
			return true
		}
	}
	return false
}
