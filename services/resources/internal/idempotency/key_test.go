package idempotency

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestKeysAreSpeltTwoWays(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`k`: "k", `"k"`: "k", "8e03978e-40d5-43dd-bc93-6894a57f9324": "8e03978e-40d5-43dd-bc93-6894a57f9324",
		`"a b"`: "a b", `"a,b;c"`: "a,b;c", `"\"\\"`: `"\`, strings.Repeat("k", 255): strings.Repeat("k", 255),
		`"` + strings.Repeat(`\"`, 255) + `"`: strings.Repeat(`"`, 255), "!#$%&'*+-./:=?@[]^_`{|}~": "!#$%&'*+-./:=?@[]^_`{|}~",
	} {
		if got, err := parseKey(value); err != nil || got != want {
			t.Errorf("%s: %q, %v", value, got, err)
		}
	}
	for _, value := range []string{
		``, `""`, `"k`, `k"`, `"k""`, `"k" `, `"k";a=1`, `"a", "b"`, `a,b`, `a;b`, `a b`, `a\b`, `"\k"`, `"\`, `"k\"`, "é", `"é"`, "a\tb", "\"a\x7f\"",
		strings.Repeat("k", 256), `"` + strings.Repeat("k", 256) + `"`,
	} {
		if got, err := parseKey(value); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("%s: %q, %v", value, got, err)
		}
	}
}

func FuzzKey(f *testing.F) {
	for _, seed := range []string{`k`, `"k"`, `"\"\\"`, `"`, `a,b`, "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		key, err := parseKey(value)
		if err != nil {
			if key != "" || !errors.Is(err, ErrInvalidKey) {
				t.Fatalf("%q: %q, %v", value, key, err)
			}
			return
		}
		if key == "" || len(key) > maxKey || len(key) > len(value) {
			t.Fatalf("%q: %q", value, key)
		}
		// Quoted, it is the same key.
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
		if again, err := parseKey(quoted); err != nil || again != key {
			t.Fatalf("%q: %q, %q, %v", value, key, again, err)
		}
	})
}

func TestNoTwoRequestsAreTakenForOne(t *testing.T) {
	t.Parallel()
	parts := func(p ...string) (all [][]byte) {
		for _, part := range p {
			all = append(all, []byte(part))
		}
		return all
	}
	seen := map[string]string{}
	for name, r := range map[string]Request{
		"one": New("t", "p", "k", parts("a", "b")...), "moved": New("t", "p", "k", parts("ab", "")...),
		"fewer": New("t", "p", "k", parts("ab")...), "more": New("t", "p", "k", parts("a", "b", "")...),
	} {
		if other, same := seen[string(r.Asked)]; same {
			t.Errorf("%s asks for what %s asks for", name, other)
		}
		seen[string(r.Asked)] = name
		if !bytes.Equal(r.Key, New("t", "p", "k").Key) {
			t.Errorf("%s has another key", name)
		}
	}
	for _, r := range []Request{New("t", "pk", ""), New("tp", "", "k"), New("", "tp", "k"), New("t", "p", "K")} {
		if bytes.Equal(r.Key, New("t", "p", "k").Key) {
			t.Errorf("%s is another's key", r)
		}
	}
}
