package tokens

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"

	"tandem.example/pkg/bearer"
	"tandem.example/services/auth/internal/clients"
)

// FuzzForm holds the parser against the standard library's: it accepts less, and
// what it accepts it reads alike.
func FuzzForm(f *testing.F) {
	f.Add("grant_type=password&username=a%20b&password=%C3%A9")
	f.Add("a=1&a=2")
	f.Add("a;b=1&&%zz")
	f.Fuzz(func(t *testing.T, body string) {
		got, err := parseForm(mediaForm, body)
		if err != nil {
			if !errors.Is(err, ErrRequest) {
				t.Fatal(err)
			}
			return
		}
		for name, values := range mustQuery(t, body) {
			if len(values) != 1 || got[name] != values[0] {
				t.Fatalf("%q: %s is %q, not %q", body, name, got[name], values)
			}
		}
	})
}

func mustQuery(t *testing.T, body string) url.Values {
	t.Helper()
	if strings.Contains(body, ";") {
		return nil // the library refuses what the WHATWG form has as an ordinary character
	}
	values, err := url.ParseQuery(body)
	if err != nil {
		t.Fatalf("accepted %q: %v", body, err)
	}
	return values
}

func FuzzBasic(f *testing.F) {
	f.Add("Basic " + base64.StdEncoding.EncodeToString([]byte("a%20b:c+d")))
	f.Add("basic eDp5")
	f.Add("Basic")
	f.Fuzz(func(t *testing.T, header string) {
		got, ok := parseBasic(header)
		if !ok {
			return
		}
		again := "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(got.id)+":"+url.QueryEscape(got.secret)))
		if back, ok := parseBasic(again); !ok || back != got || got.id == "" {
			t.Fatalf("%q: %+v, then %+v", header, got, back)
		}
	})
}

func TestParseScope(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bearer.Scopes{"": "", "a": "a", "a b": "a b", "a b a": "a b", "resources:read": "resources:read"} {
		if got, err := parseScope(in); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, bad := range []string{" ", "a ", " a", "a  b", `a"b`, `a\b`, "é", "a\tb", strings.Repeat("x", 65)} {
		if _, err := parseScope(bad); !errors.Is(err, ErrScope) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestLabel(t *testing.T) {
	t.Parallel()
	if got := label("Anna's\x00 phone\n" + strings.Repeat("é", 100)); got != "Anna's phone"+strings.Repeat("é", 52) {
		t.Errorf("%q", got)
	}
}

func TestEveryCodeIsOneOfTheRFCs(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{
		ErrGrant.Because(errors.New("x")): "invalid_grant", clients.ErrClient: "invalid_client", bearer.ErrUnread: "temporarily_unavailable",
		errors.New("x"): "server_error", bearer.ErrClaims: "invalid_request",
	} {
		if got := outcome(err); got != want {
			t.Errorf("%v: %s", err, got)
		}
	}
}
