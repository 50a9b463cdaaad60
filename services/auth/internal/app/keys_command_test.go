package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem.example/pkg/bearer"
)

func TestKeysCommandLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, args := range [][]string{
		{"keys"},
		{"keys", "burn"},
		{"keys", "kill"},
		{"keys", "list", "x"},
		{"keys", "generate", "-in", "soon"},
		{"keys", "generate", "-in", "-1s"},
		{"keys", "list", "-in", "1s"},
		{"keys", "kill", "-f", "x"},
		{"key"},
		{"run", "x"},
	} {
		if out, code := authd(t, dir, args...); code != 2 || !strings.Contains(out, "usage: authd") {
			t.Errorf("%v: %d %s", args, code, out)
		}
	}
	if out, code := authd(t, "", "keys", "list"); code != 2 || !strings.Contains(out, "JWT_KEYS_DIR must be set") {
		t.Errorf("nowhere: %d %s", code, out)
	}
	if out, code := authd(t, filepath.Join(dir, "missing"), "keys", "generate"); code != 1 {
		t.Errorf("missing: %d %s", code, out)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestKeysOfALife(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := generated(t, dir)
	second := generated(t, dir, "-in", "1h")
	third := generated(t, dir)
	states := func(want ...string) {
		t.Helper()
		out, code := authd(t, dir, "keys", "list")
		var got []string
		for line := range strings.Lines(out) {
			if words := strings.Fields(line); len(words) == 3 {
				got = append(got, words[0]+" "+words[1])
			}
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") || code != 0 {
			t.Errorf("list: %d\n%s", code, out)
		}
		for _, secret := range []string{"PRIVATE", "BEGIN"} {
			if strings.Contains(out, secret) {
				t.Errorf("it shows a key: %s", out)
			}
		}
	}
	states(second+" waiting", third+" waiting", first+" signing")
	// Long ago: the one took over from the other more than a day before now.
	day := time.Now().Add(-48 * time.Hour)
	files, err := bearer.ReadKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		old := bearer.KeyFile{Key: f.Key, From: day}
		switch f.Key.ID {
		case first:
			old.From = day.Add(-time.Hour)
		case second:
			old.From = time.Now().Add(-time.Hour)
		}
		if err := os.Rename(filepath.Join(dir, f.Name()), filepath.Join(dir, old.Name())); err != nil {
			t.Fatal(err)
		}
	}
	states(second+" signing", third+" verifying", first+" idle")
	if out, code := authd(t, dir, "keys", "retire"); code != 0 || out != first+"  retired\n" {
		t.Errorf("retire: %d %s", code, out)
	}
	states(second+" signing", third+" verifying")
	if out, code := authd(t, dir, "keys", "kill", second); code != 0 || out != second+"  killed\n" {
		t.Errorf("kill: %d %s", code, out)
	}
	states(third + " signing")
	if out, code := authd(t, dir, "keys", "kill", second); code != 1 || !strings.Contains(out, "no such key") {
		t.Errorf("twice: %d %s", code, out)
	}
	out, code := authd(t, dir, "keys", "kill", third) // the last one has a successor first
	fourth, _, _ := strings.Cut(out, " ")
	if code != 0 || !strings.HasSuffix(out, third+"  killed\n") {
		t.Errorf("kill: %d %s", code, out)
	}
	states(fourth + " signing")
}

// A damaged file is said, hinders a retirement, and not an emergency.
func TestKeysBesideADamagedFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	kid := generated(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "20261121T120000Z-x.pem"), []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"list", "retire"} {
		if out, code := authd(t, dir, "keys", command); code != 1 || !strings.Contains(out, "20261121T120000Z-x.pem") || strings.Contains(out, "hunter2") {
			t.Errorf("%s: %d %s", command, code, out)
		}
	}
	if out, code := authd(t, dir, "keys", "kill", kid); code != 0 || !strings.Contains(out, kid+"  killed") {
		t.Errorf("kill: %d %s", code, out)
	}
}
