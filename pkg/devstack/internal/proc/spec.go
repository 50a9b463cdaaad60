package proc

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Spec is all that a program's start depends on. It is kept in a file, so a
// later start by anybody is the same as the first.
type Spec struct {
	Name string   `json:"name"`
	Path string   `json:"path"`
	Args []string `json:"args"` // without the program's own name
	Env  []string `json:"env"`  // the whole environment
	Dir  string   `json:"dir"`  // the working directory
	Log  string   `json:"log"`  // where standard output and error are appended
	User *User    `json:"user"` // nil: whoever starts it
	// DataDir names a PostgreSQL data directory: after a SIGKILL its orphaned
	// backends must be gone before it can be started again.
	DataDir  string `json:"data_dir"`
	Registry string `json:"registry"` // the directory that lists the stack's processes
}

func readSpec(file string) (Spec, error) {
	var s Spec
	data, err := os.ReadFile(file) //nolint:gosec // the path is the one in a script that this package wrote
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// save writes the spec (it holds secrets) and the script that starts it.
func (s Spec) save(specs, scripts string) (script string, err error) {
	data, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	file := filepath.Join(specs, s.Name+".json")
	if err := writeFile(file, data, 0o600); err != nil {
		return "", err
	}
	script = filepath.Join(scripts, s.Name)
	text := fmt.Sprintf("#!/bin/sh\nexec %s %s %s \"$@\"\n", quote(self), roleStart, quote(file))
	return script, writeFile(script, []byte(text), 0o700)
}

// quote makes one word of a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
