package users

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

func TestAPasswordIsPrintedNowhere(t *testing.T) {
	t.Parallel()
	const text = "one two buckle shoe"
	var p Password
	if err := p.UnmarshalText([]byte(text)); err != nil || p.text != text {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprint(p), fmt.Sprintf("%v %+v %#v %s %q", p, p, p, p, p), fmt.Sprint(&p), fmt.Sprintf("%v", struct{ P Password }{p})} {
		if strings.Contains(shown, "buckle") {
			t.Errorf("printed as %s", shown)
		}
	}
	if raw, err := json.Marshal(map[string]any{"password": p}); err != nil || strings.Contains(string(raw), "buckle") {
		t.Errorf("encoded as %s, %v", raw, err)
	}
}

func TestASVS_6_2_9_PasswordsAreCountedInLetters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"1234567": false, "12345678": true, strings.Repeat("é", 128): true, strings.Repeat("e\u0301", 128): true,
		strings.Repeat("é", 129): false, strings.Repeat("🦊", 128): true, strings.Repeat("e\u0301", 7): false,
		"12345678\xff": false, strings.Repeat("\u0301", 3000): false,
	} {
		if passwordFits(text) != want {
			t.Errorf("%.40q fits: %v", text, !want)
		}
	}
}

// What is not seen would let one name look like another.
func TestALoginNameShowsAllThatItIsMadeOf(t *testing.T) {
	t.Parallel()
	for _, hidden := range []string{
		"an\x00na", "an\tna", "an\u0085na", "an\u009bna", "an\u00adna", "an\u200bna", "an\u200dna", "an\u202ena", "an\u2028na", "an\u2066na", "an\ufeffna",
	} {
		if name, err := ParseLogin(hidden); err == nil {
			t.Errorf("%q is taken as %q", hidden, name)
		}
	}
	for _, plain := range []string{"anna", "Anna Smith", "anna@example.com", "ämélie", "アンナ", "анна", "🦊"} {
		if name, err := ParseLogin(plain); err != nil || name != plain {
			t.Errorf("%q is taken as %q, %v", plain, name, err)
		}
	}
}

func FuzzLogin(f *testing.F) {
	for _, s := range []string{"anna@example.com", " Ame\u0301lie ", "\xff", "a\x00b", strings.Repeat("x", 255)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := ParseLogin(s)
		if err != nil {
			return
		}
		again, err := ParseLogin(name)
		if err != nil || again != name || !norm.NFC.IsNormalString(name) {
			t.Fatalf("%q is kept as %q and read as %q, %v", s, name, again, err)
		}
	})
}

func FuzzRoles(f *testing.F) {
	for _, s := range []string{`["b","a","b"]`, `null`, `[]`, `["a b"]`, `[1]`, `{`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var r Roles
		if r.UnmarshalJSON([]byte(s)) != nil {
			return
		}
		if !slices.IsSorted(r) || len(slices.Compact(slices.Clone(r))) != len(r) || len(r) > 32 || strings.ContainsAny(strings.Join(r, ""), " \n") {
			t.Fatalf("%q gives %q", s, r)
		}
	})
}
