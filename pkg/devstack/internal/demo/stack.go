package demo

import (
	"fmt"
	"os"
	"strings"
)

// Read reads a stack.env: lines NAME='value', as a shell would.
func Read(file string) (Stack, error) {
	text, err := os.ReadFile(file) //nolint:gosec // named by the caller
	if err != nil {
		return nil, err
	}
	stack := Stack{}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || len(value) < 2 || value[0] != '\'' || value[len(value)-1] != '\'' {
			return nil, fmt.Errorf("%s: malformed line of %s", file, name)
		}
		stack[name] = strings.ReplaceAll(value[1:len(value)-1], `'\''`, "'")
	}
	return stack, nil
}
