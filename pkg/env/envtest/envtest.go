// Package envtest holds a file of examples to the configuration it explains.
//
// It promises that a variable which a program reads is in the file, with the
// default that it really has and some words about it.
package envtest

import (
	"os"
	"strings"
	"testing"

	"tandem.example/pkg/env"
)

// Explains reports what file, in the form of .env.example, does not say of the
// variables of T. Words are the comment above a variable or above the group of
// lines that it is in.
func Explains[T any](tb testing.TB, file string) {
	tb.Helper()
	data, err := os.ReadFile(file) //nolint:gosec // the test's own choice
	if err != nil {
		tb.Fatal(err)
	}
	examples := parse(string(data))
	for _, v := range env.Variables[T]() {
		example, ok := examples[v.Name]
		switch {
		case !ok:
			tb.Errorf("%s is not in %s", v.Name, file)
		case example.value != v.Default:
			tb.Errorf("%s: the default is %q, %s says %q", v.Name, v.Default, file, example.value)
		case example.words == "":
			tb.Errorf("%s is not explained in %s", v.Name, file)
		case v.Secret && !strings.Contains(example.words, "(secret)"):
			tb.Errorf("%s is secret, and %s does not say so", v.Name, file)
		}
	}
}

type example struct{ value, words string }

// parse gives every variable the comment that stands over it. An empty line ends
// a comment's reach.
func parse(text string) map[string]example {
	examples := map[string]example{}
	words, fresh := "", false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		comment, isComment := strings.CutPrefix(line, "#")
		switch {
		case line == "":
			words = ""
		case isComment && fresh:
			words += comment
		case isComment:
			words = comment
		default:
			name, value, _ := strings.Cut(line, "=")
			examples[name] = example{value: value, words: words}
		}
		fresh = isComment
	}
	return examples
}
