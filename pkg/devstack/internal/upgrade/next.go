package upgrade

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// edit changes the one place in a file where old stands. A file without old is
// new.
type edit struct{ file, old, new string }

const (
	codecFile   = "pkg/coherent/codec.go"
	formFile    = "services/resources/internal/resources/resource.go"
	writeFile   = "services/resources/internal/resources/postgres_write.go"
	sessionFile = "services/auth/internal/sessions/create.lua"
	column      = "ADD COLUMN IF NOT EXISTS edition INT8 NOT NULL DEFAULT 1;\n"
)

// next is what the next release does otherwise, as far as it may: another codec,
// columns that this one does not know, and members it does not know in all that
// both read.
func next() []edit {
	return []edit{
		{formFile, "coherent.Codec = '1'", "coherent.Codec = '2'"},
		{codecFile, "append(out, e.Body...)", "append(append(out, '~'), e.Body...)"},
		{codecFile, "stored[headerSize:]}", "stored[min(headerSize+1, len(stored)):]}"},
		{codecFile, "append(out, body...)", "append(append(out, '~'), body...)"},
		{codecFile, "stored[listHeader:])", "stored[min(listHeader+1, len(stored)):])"},

		{"services/resources/migrations/9998_next.sql", "", "-- +goose Up\nALTER TABLE resources " + column},
		{"services/auth/migrations/9998_next.sql", "", "-- +goose Up\nALTER TABLE sessions " + column},
		{writeFile, "labels, owner, version)", "labels, owner, version, edition)"},
		{writeFile, "$16::TEXT, 1\n", "$16::TEXT, 1, 2\n"},

		{"pkg/bearer/claims.go", "`json:\"exp\"`\n", "`json:\"exp\"`\n\tEdition int64 `json:\"edition\"`\n"},
		{"pkg/invalidation/event.go", "`json:\"source,omitempty\"`\n", "`json:\"source,omitempty\"`\n\tEdition int64 `json:\"edition\"`\n"},
		{"pkg/invalidation/cloudevent.go", "`json:\"data\"`\n", "`json:\"data\"`\n\tEdition int64 `json:\"edition\"`\n"},
		{sessionFile, "unpack(fields))\n", "unpack(fields))\nredis.call('HSET', KEYS[1], 'edition', '2')\n"},
	}
}

// mistakes are what a release must not do. They are there to see that it would be
// noticed.
func mistakes() map[string][]edit {
	return map[string][]edit{
		"codec":  {{formFile, "coherent.Codec = '2'", "coherent.Codec = '1'"}},
		"schema": {{"services/resources/migrations/9999_contract.sql", "", "-- +goose Up\nALTER TABLE resources ALTER COLUMN edition DROP DEFAULT;\n"}},
		"claims": {{"pkg/bearer/claims.go", "`json:\"tenant\"`", "`json:\"organisation\"`"}},
		"events": {{"pkg/invalidation/cloudevent.go", `typeSuffix  = ".v1"`, `typeSuffix  = ".v2"`}},
		"drain":  {{"pkg/daemon/daemon.go", "select {\n\tcase <-ctx.Done():\n", "select {\n\tcase <-ctx.Done():\n\t\treturn ok\n"}},
	}
}

// Mistakes names what [Next] can do wrong.
func Mistakes() []string { return slices.Sorted(maps.Keys(mistakes())) }

// ErrStale is a recipe that does not fit the source any more.
var ErrStale = errors.New("what is to be changed does not stand in the source once: mend the list in pkg/devstack/internal/upgrade")

// Next writes what makes a release after this one of the source in tree, for
// go build -overlay, into dir. With a mistake it does one thing that no release
// may do.
func Next(tree, dir, mistake string) (overlay string, err error) {
	edits := next()
	if mistake != "" {
		wrong, ok := mistakes()[mistake]
		if !ok {
			return "", fmt.Errorf("no such mistake: %s; there are %s", mistake, strings.Join(Mistakes(), ", "))
		}
		edits = append(edits, wrong...)
	}
	if tree, err = filepath.Abs(tree); err != nil {
		return "", err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	texts := map[string]string{} // by file
	for _, e := range edits {
		if err := e.apply(tree, texts); err != nil {
			return "", err
		}
	}
	replace := map[string]string{}
	for n, file := range slices.Sorted(maps.Keys(texts)) {
		part := filepath.Join(dir, fmt.Sprintf("%d-%s", n, filepath.Base(file)))
		if err := os.WriteFile(part, []byte(texts[file]), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(tree, file)] = part
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, list, 0o600)
}

func (e edit) apply(tree string, texts map[string]string) error {
	text, known := texts[e.file]
	if !known && e.old != "" {
		data, err := os.ReadFile(filepath.Join(tree, e.file)) //nolint:gosec // a file of this source
		if err != nil {
			return err
		}
		text = string(data)
	}
	if e.old == "" {
		texts[e.file] = e.new
		return nil
	}
	if strings.Count(text, e.old) != 1 {
		return fmt.Errorf("%w: %s: %q", ErrStale, e.file, e.old)
	}
	texts[e.file] = strings.Replace(text, e.old, e.new, 1)
	return nil
}
