// Package crdbtest holds migrations to what lets binaries one version apart run
// side by side.
//
// It promises that a statement it does not know to be harmless to the release
// before is refused, unless the file says why it is.
package crdbtest

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"tandem.example/pkg/crdb"
)

// Expands reports every migration of the sets that a binary of the release before
// could not live with. What takes something away is allowed in a contract step,
// NNNN_contract_<what>.sql, with the release since which nothing uses it; what may
// hurt or not, with a reason:
//
//	-- Unused since v1.4.0.
//	-- Beside the release before: it leaves the column NULL.
func Expands(tb testing.TB, sets ...crdb.Migrations) {
	tb.Helper()
	for _, set := range sets {
		files, err := fs.Glob(set.FS, "*.sql")
		if err != nil || len(files) == 0 {
			tb.Errorf("%s: %d migrations, %v", set.Name, len(files), err)
		}
		for _, file := range files {
			text, err := fs.ReadFile(set.FS, file)
			if err == nil {
				err = judge(file, string(text))
			}
			if err != nil {
				tb.Errorf("%s, %s: %v", set.Name, file, err)
			}
		}
	}
}

var (
	errForm      = errors.New("is not one statement after -- +goose Up")
	errAgain     = errors.New("cannot be repeated: it needs IF NOT EXISTS, IF EXISTS or ON CONFLICT")
	errContracts = errors.New(`takes away what the release before uses: make it a contract step, a release later, NNNN_contract_<what>.sql that says "-- Unused since v1.2.3."`)
	errDoubtful  = errors.New("may hurt the release before: say why not, -- Beside the release before: <reason>")
)

var (
	fileForm   = regexp.MustCompile(`^[0-9]{4}_[a-z0-9_]+\.sql$`)
	wording    = regexp.MustCompile(`--[^\n]*|(?s:/\*.*?\*/)|'(?:[^']|'')*'`) // comments and literals
	unused     = regexp.MustCompile(`(?m)^-- Unused since v[0-9]+\.[0-9]+\.[0-9]+\.`)
	reason     = regexp.MustCompile(`(?m)^-- Beside the release before: \S`)
	repeatable = regexp.MustCompile(`\b(IF NOT EXISTS|IF EXISTS|ON CONFLICT)\b`)

	adds       = regexp.MustCompile(`^(CREATE (TABLE|INDEX( CONCURRENTLY)?) IF NOT EXISTS|INSERT INTO .* ON CONFLICT .*\bDO NOTHING$)`)
	alters     = regexp.MustCompile(`^ALTER TABLE (?:IF EXISTS )?\S+ (.*)$`)
	takes      = regexp.MustCompile(`^(DROP|TRUNCATE|DELETE|ALTER TABLE \S+ (RENAME|SET SCHEMA)|ALTER INDEX \S+ RENAME)\b`)
	takesApart = regexp.MustCompile(`^(DROP (COLUMN\b|(?:IF EXISTS )?[A-Z0-9_]+$)|RENAME\b|ALTER (COLUMN )?\S+ (SET NOT NULL|SET DATA TYPE|TYPE|DROP DEFAULT)\b)`)
	column     = regexp.MustCompile(`^ADD COLUMN IF NOT EXISTS \S+ `)
	restricts  = regexp.MustCompile(`\b(UNIQUE|CHECK|REFERENCES|PRIMARY KEY|GENERATED)\b`)
)

// judge is nil for a migration that only expands, and for one that says why it
// may do more.
func judge(file, text string) error {
	up, rest, ok := strings.Cut(text, "-- +goose Up\n")
	if !fileForm.MatchString(file) || !ok || strings.TrimSpace(up) != "" || strings.Contains(rest, "+goose") || strings.Contains(rest, "$$") {
		return errForm
	}
	plain := wording.ReplaceAllString(rest, " ")
	statement := strings.ToUpper(strings.Join(strings.Fields(plain), " "))
	statement, ok = strings.CutSuffix(statement, ";")
	if !ok || statement == "" || strings.Contains(statement, ";") {
		return errForm
	}
	contract := strings.Contains(file, "_contract_")
	switch err := effect(statement); {
	case errors.Is(err, errContracts) && contract && unused.MatchString(rest):
	case errors.Is(err, errDoubtful) && reason.MatchString(rest):
	case err != nil:
		return fmt.Errorf("%w (%.60s)", err, statement)
	case contract:
		return fmt.Errorf("%w: nothing is taken away in a contract step", errForm)
	}
	if !repeatable.MatchString(statement) {
		return errAgain
	}
	return nil
}

// effect is nil for a statement that a binary which does not know of it never
// notices.
func effect(statement string) error {
	alter := alters.FindStringSubmatch(statement)
	switch {
	case takes.MatchString(statement):
		return errContracts
	case adds.MatchString(statement):
		return nil
	case alter == nil:
		return errDoubtful
	}
	var worst error
	for _, action := range actions(alter[1]) {
		switch {
		case takesApart.MatchString(action), column.MatchString(action) && demands(action):
			return errContracts
		case !column.MatchString(action), restricts.MatchString(action):
			worst = errDoubtful
		}
	}
	return worst
}

// demands tells of a new column that whoever does not know it cannot fill.
func demands(column string) bool {
	return strings.Contains(column, " NOT NULL") && !strings.Contains(column, " DEFAULT")
}

// actions are those of one ALTER TABLE, separated by the commas that stand in no
// parenthesis.
func actions(list string) (all []string) {
	depth, from := 0, 0
	for i, r := range list {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			all, from = append(all, strings.TrimSpace(list[from:i])), i+1
		}
	}
	return append(all, strings.TrimSpace(list[from:]))
}
