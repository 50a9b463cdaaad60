package crdbtest

import (
	"errors"
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	const (
		usual    = "0002_step.sql"
		contract = "0002_contract_step.sql"
		since    = "-- Unused since v1.2.0.\n"
		because  = "-- Beside the release before: it never writes this.\n"
	)
	for _, c := range []struct {
		file, words, statement string
		want                   error
	}{
		{usual, "", "CREATE TABLE IF NOT EXISTS a (id INT8 PRIMARY KEY, b TEXT NOT NULL UNIQUE CHECK (b <> ''))", nil},
		{usual, "", "CREATE INDEX IF NOT EXISTS a_b ON a (b)", nil},
		{usual, "", "INSERT INTO a (id) VALUES (0), (1) ON CONFLICT (id) DO NOTHING", nil},
		{usual, "", "ALTER TABLE a\n ADD COLUMN IF NOT EXISTS b BYTEA,\n ADD COLUMN IF NOT EXISTS c DECIMAL(3, 2) NOT NULL DEFAULT 0", nil},
		{usual, "", "alter table a add column if not exists b text", nil},
		{usual, "-- DROP TABLE a; it's not done\n", "ALTER TABLE a ADD COLUMN IF NOT EXISTS b TEXT DEFAULT 'DROP TABLE a; -- '", nil},

		{usual, "", "DROP TABLE IF EXISTS a", errContracts},
		{usual, "", "drop /* really */ table if exists a", errContracts},
		{usual, "", "DROP INDEX IF EXISTS a_b", errContracts},
		{usual, "", "TRUNCATE a", errContracts},
		{usual, "", "DELETE FROM a", errContracts},
		{usual, "", "ALTER TABLE a RENAME TO b", errContracts},
		{usual, "", "ALTER TABLE a RENAME COLUMN b TO c", errContracts},
		{usual, "", "ALTER TABLE IF EXISTS a DROP COLUMN IF EXISTS b", errContracts},
		{usual, "", "ALTER TABLE a DROP IF EXISTS b", errContracts},
		{usual, "", "ALTER TABLE a DROP b", errContracts},
		{usual, "", "ALTER TABLE a ADD COLUMN IF NOT EXISTS b TEXT, DROP COLUMN c", errContracts},
		{usual, "", "ALTER TABLE a ADD COLUMN IF NOT EXISTS b TEXT NOT NULL", errContracts},
		{usual, "", "ALTER TABLE a ALTER COLUMN b SET NOT NULL", errContracts},
		{usual, "", "ALTER TABLE a ALTER b TYPE INT8", errContracts},
		{usual, "", "ALTER TABLE a ALTER COLUMN b SET DATA TYPE INT8", errContracts},
		{usual, "", "ALTER TABLE a ALTER COLUMN b DROP DEFAULT", errContracts},
		{usual, because, "DROP TABLE IF EXISTS a", errContracts},
		{usual, since, "DROP TABLE IF EXISTS a", errContracts},
		{contract, "", "DROP TABLE IF EXISTS a", errContracts},
		{contract, since, "DROP TABLE IF EXISTS a", nil},
		{contract, since, "ALTER TABLE a DROP COLUMN IF EXISTS b", nil},
		{contract, since, "CREATE TABLE IF NOT EXISTS a (id INT8)", errForm},

		{usual, "", "CREATE UNIQUE INDEX IF NOT EXISTS a_b ON a (b)", errDoubtful},
		{usual, because, "CREATE UNIQUE INDEX IF NOT EXISTS a_b ON a (b)", nil},
		{usual, "", "ALTER TABLE a ADD COLUMN IF NOT EXISTS b TEXT UNIQUE", errDoubtful},
		{usual, "", "ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0)", errDoubtful},
		{usual, "", "ALTER TABLE a ADD CONSTRAINT c FOREIGN KEY (b) REFERENCES d (id)", errDoubtful},
		{usual, "", "ALTER TABLE a DROP CONSTRAINT IF EXISTS c", errDoubtful},
		{usual, "", "ALTER TABLE a ALTER COLUMN b DROP NOT NULL", errDoubtful},
		{usual, "", "UPDATE a SET b = 1", errDoubtful},
		{usual, "", "INSERT INTO a (id) VALUES (0) ON CONFLICT (id) DO UPDATE SET b = 1", errDoubtful},
		{usual, "", "CREATE TRIGGER a AFTER INSERT ON b EXECUTE FUNCTION c()", errDoubtful},
		{usual, "", "CREATE TABLE a (id INT8)", errDoubtful},
		{usual, because, "ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0)", errAgain},

		{"2_step.sql", "", "CREATE TABLE IF NOT EXISTS a (id INT8)", errForm},
		{usual, "", "CREATE TABLE IF NOT EXISTS a (id INT8); CREATE TABLE IF NOT EXISTS b (id INT8)", errForm},
		{usual, "", "", errForm},
		{usual, "-- +goose Down\n", "DROP TABLE IF EXISTS a", errForm},
	} {
		err := judge(c.file, "-- +goose Up\n"+c.words+c.statement+";\n")
		if !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s\n%s%s\n%v, want %v", c.file, c.words, c.statement, err, c.want)
		}
	}
}

// No way of writing a column's end makes it harmless.
func FuzzJudge(f *testing.F) {
	f.Add("ADD COLUMN IF NOT EXISTS b TEXT", "/* */")
	f.Add("ADD COLUMN IF NOT EXISTS b TEXT DEFAULT ''", "")
	f.Fuzz(func(t *testing.T, first, between string) {
		_ = judge("0001_step.sql", first)
		if strings.Trim(between, " \n\t") != "" || strings.ContainsAny(first, "-/'\"(;$\\") {
			return
		}
		text := "-- +goose Up\nALTER TABLE a " + first + "," + between + "DROP" + between + " COLUMN b;\n"
		if err := judge("0001_step.sql", text); err == nil {
			t.Errorf("passes: %q", text)
		}
	})
}
