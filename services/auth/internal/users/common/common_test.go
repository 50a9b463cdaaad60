package common

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func list(tb testing.TB) *List {
	tb.Helper()
	l, err := New()
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// At least the 3,000 most common passwords that the rules would allow.
func TestASVS_6_2_4_TheListIsLongEnough(t *testing.T) {
	t.Parallel()
	l := list(t)
	long := 0
	for _, w := range l.words {
		if w != Fold(w) || utf8.RuneCountInString(w) < minWord {
			t.Errorf("%q is not folded or too short", w)
		}
		if utf8.RuneCountInString(w) >= 8 {
			if long++; !l.Has(w) || !l.Has(strings.ToUpper(w)) {
				t.Errorf("%q is taken", w)
			}
		}
	}
	if !slices.IsSorted(l.words) || len(slices.Compact(slices.Clone(l.words))) != len(l.words) {
		t.Error("the list is not sorted, or repeats itself")
	}
	if long < 3000 {
		t.Errorf("only %d words have 8 letters", long)
	}
}

func TestASVS_6_2_4_CommonPasswordsAreRecognised(t *testing.T) {
	t.Parallel()
	l := list(t)
	for _, common := range []string{
		"password", "Password1", "P@ssw0rd", "p4$$w0rd!", "PASSWORD123", "password123456", "passw0rd2024", "ｐａｓｓｗｏｒｄ", "123password",
		"12345678", "123456789", "1234567890", "87654321", "0987654321", "11111111", "88888888", "12121212", "123123123", "12341234", "147258369",
		"qwertyui", "qwertyuiop", "QWERTZUIOP", "asdfghjkl", "zxcvbnm,", "1qaz2wsx", "zaq12wsx", "1q2w3e4r", "q1w2e3r4", "qwerty123", "qwerty1234", "1234qwer", "abcd1234", "a1b2c3d4",
		"abcdefgh", "aaaaaaaa", "abcabcabc", "iloveyou", "iloveyou1", "princess", "sunshine", "football", "baseball1", "superman!", "trustno1", "letmein1", "welcome1", "Welcome2024!",
		"monkey123", "dragon12", "shadow99", "michael1", "jennifer", "computer", "whatever", "starwars", "corvette", "mercedes", "liverpool", "chelsea1", "monkeymonkey",
		"adm1n1strator", "changeme", "Changeme1", "!@#$%^&*", "secret123", "test1234", "login123", "qazwsxedc",
	} {
		if !l.Has(common) {
			t.Errorf("%q is taken", common)
		}
	}
	for _, fine := range []string{
		"correct horse", "correct horse battery staple", "xkcd-936-rules", "tr0ub4dor&3x", "wuQz8Kp2", "79226193047", "der Mond ist aufgegangen",
		"monkey847362", "пароль-мой-длинный", "🦊🐼🦊🐧🐼🐧🦊🦊", "a b c d x y", "Kaffee um halb 9", strings.Repeat("long", 8) + "er",
	} {
		if l.Has(fine) {
			t.Errorf("%q is refused", fine)
		}
	}
}

// The words of the documented context: the login name, its parts, and the name of
// the product.
func TestASVS_6_1_2_ContextWordsAreRecognised(t *testing.T) {
	t.Parallel()
	l := list(t)
	for _, bad := range []string{
		"zoltanka.fekete@corp.example", "Zoltanka.Fekete", "zoltanka.fekete1", "zoltankafekete", "Zoltanka!2024", "fekete12", "tandemtandem", "Tandem2024", "t4nd3m!!", "corp1234",
	} {
		if !l.Has(bad, "Zoltanka.Fekete@corp.example", "Tandem") {
			t.Errorf("%q is taken", bad)
		}
	}
	for _, fine := range []string{"fekete and a horse", "zoltanka847362", "tandem bicycle repair"} {
		if l.Has(fine, "Zoltanka.Fekete@corp.example", "Tandem") {
			t.Errorf("%q is refused", fine)
		}
	}
	if l.Has("zoltanka1", "a@b.c", "Tandem") || l.Has("xyxz", "", "x") {
		t.Error("the context of another account counts")
	}
}

func FuzzHas(f *testing.F) {
	l := list(f)
	for _, s := range []string{"", "p@ssw0rd", "\xff\xfe", "ﬀﬀ", "1qaz2wsx", "İ"} {
		f.Add(s, "anna@example.com")
	}
	f.Fuzz(func(_ *testing.T, password, login string) { l.Has(password, login) })
}

func BenchmarkHas(b *testing.B) {
	l := list(b)
	for b.Loop() {
		l.Has("correct horse battery staple", "anna@example.com", "tandem")
	}
}
