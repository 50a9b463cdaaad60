package revocation_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"tandem.example/pkg/revocation"
)

func sample() revocation.Event {
	at := time.Date(2026, 11, 20, 19, 32, 13, 123e6, time.UTC)
	return revocation.Event{ID: "01936d5e", Source: "local/auth", Time: at, Revocation: revocation.Revocation{
		Kind: revocation.User, ID: "user_1", Before: at, Except: "s1",
	}}
}

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	t.Parallel()
	for kind, id := range map[revocation.Kind]string{
		revocation.Token: "j", revocation.Session: "s", revocation.User: "a b.c>*", revocation.Client: "c", revocation.All: "",
	} {
		e := sample()
		e.Revocation.Kind, e.Revocation.ID, e.Revocation.Except = kind, id, ""
		raw, err := revocation.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := revocation.Decode(raw); err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%s: %+v %v", raw, got, err)
		}
	}
}

func TestWhatIsWrongIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*revocation.Event){
		"no id":            func(e *revocation.Event) { e.ID = "" },
		"long id":          func(e *revocation.Event) { e.ID = strings.Repeat("x", 513) },
		"no source":        func(e *revocation.Event) { e.Source = "" },
		"a line break":     func(e *revocation.Event) { e.Source = "a\nb" },
		"no time":          func(e *revocation.Event) { e.Time = time.Time{} },
		"no cut-off":       func(e *revocation.Event) { e.Revocation.Before = time.Time{} },
		"no kind":          func(e *revocation.Event) { e.Revocation.Kind = "" },
		"nobody":           func(e *revocation.Event) { e.Revocation.ID = "" },
		"all of somebody":  func(e *revocation.Event) { e.Revocation.Kind, e.Revocation.Except = revocation.All, "" },
		"an odd subject":   func(e *revocation.Event) { e.Revocation.Subject = "\x00" },
		"a client but one": func(e *revocation.Event) { e.Revocation.Kind = revocation.Client },
	} {
		e := sample()
		change(&e)
		if _, err := revocation.Encode(e); !errors.Is(err, revocation.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good, err := revocation.Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"specversion":"1.0"`, `"specversion":"2"`},
		{"application/json", "text/plain"},
		{`"data":`, `"other":`},
		{"revocation.user", "revocation.session"},
		{`"subject":"user.user_1"`, `"subject":"user.user_2"`},
		{`"id":"01936d5e"`, `"id":""`},
		{`{"spec`, `["spec`},
	} {
		raw := strings.Replace(string(good), change[0], change[1], 1)
		if raw == string(good) {
			t.Fatalf("%s is not there: %s", change[0], good)
		}
		if _, err := revocation.Decode([]byte(raw)); !errors.Is(err, revocation.ErrInvalid) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	more := strings.Replace(string(good), `{"spec`, `{"later":1,"spec`, 1)
	if _, err := revocation.Decode([]byte(more)); err != nil {
		t.Errorf("a member that is not known: %v", err)
	}
}

// Whatever an id is, it is one token of a NATS subject, and no other id's.
func TestIDsAreTokens(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, id := range []string{"a", "a.b", "*", ">", "a b", "~YQ", "YQ", "ü", strings.Repeat("x", 129)} {
		address := revocation.Revocation{Kind: revocation.User, ID: id}.Address()
		token, ok := strings.CutPrefix(address, "revocations.v1.user.")
		if !ok || token == "" || strings.ContainsAny(token, ".*> \t") || seen[address] != "" {
			t.Errorf("%q: %s, like %q", id, address, seen[address])
		}
		seen[address] = id
	}
}

func FuzzDecode(f *testing.F) {
	good, err := revocation.Encode(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := revocation.Decode(raw)
		if err != nil {
			return
		}
		again, err := revocation.Encode(e)
		if err != nil {
			t.Fatalf("taken, and not to be sent: %v", err)
		}
		if got, err := revocation.Decode(again); err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%+v is not %+v: %v", got, e, err)
		}
	})
}
