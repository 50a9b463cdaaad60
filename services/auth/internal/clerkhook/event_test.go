package clerkhook

import (
	"errors"
	"strings"
	"testing"
)

func TestParseEvent(t *testing.T) {
	t.Parallel()
	const session = `"data":{"object":"session","id":"sess_1","user_id":"user_1","status":"ended","new":{"a":[1]}}`
	for name, test := range map[string]struct {
		body string
		want Event
		err  error
	}{
		"ended":               {`{"object":"event","type":"session.ended","timestamp":1,` + session + `}`, Event{sessionEnded, "user_1", "sess_1"}, nil},
		"removed":             {`{"type":"session.removed",` + session + `}`, Event{sessionRemoved, "user_1", "sess_1"}, nil},
		"revoked":             {`{` + session + `,"type":"session.revoked"}`, Event{sessionRevoked, "user_1", "sess_1"}, nil},
		"user deleted":        {`{"type":"user.deleted","data":{"id":"user_1","deleted":true}}`, Event{userDeleted, "user_1", ""}, nil},
		"late beginning":      {`{"type":"session.created",` + session + `}`, Event{Type: "session.created"}, nil},
		"an unknown one":      {`{"type":"waitlist.updated","data":[7],"more":null}`, Event{Type: "waitlist.updated"}, nil},
		"data of no use":      {`{"type":"email.created"}`, Event{Type: "email.created"}, nil},
		"nothing":             {``, Event{}, ErrEvent},
		"no JSON":             {`type=session.ended`, Event{}, ErrEvent},
		"null":                {`null`, Event{}, ErrEvent},
		"an array":            {`[]`, Event{}, ErrEvent},
		"no type":             {`{` + session + `}`, Event{}, ErrEvent},
		"a type of no text":   {`{"type":7,` + session + `}`, Event{}, ErrEvent},
		"two types":           {`{"type":"session.ended","type":"session.created",` + session + `}`, Event{}, ErrEvent},
		"two sessions":        {`{"type":"session.ended","data":{"id":"sess_1","id":"sess_2","user_id":"user_1"}}`, Event{}, ErrEvent},
		"two documents":       {`{"type":"session.ended",` + session + `}{}`, Event{}, ErrEvent},
		"no data":             {`{"type":"session.ended"}`, Event{}, ErrEvent},
		"data of a user":      {`{"type":"session.ended","data":{"id":"user_1","user_id":"user_1"}}`, Event{}, ErrEvent},
		"no user":             {`{"type":"session.ended","data":{"id":"sess_1"}}`, Event{}, ErrEvent},
		"a path":              {`{"type":"session.ended","data":{"id":"sess_1/..","user_id":"user_1"}}`, Event{}, ErrEvent},
		"another slot":        {`{"type":"session.ended","data":{"id":"sess_1}","user_id":"user_1"}}`, Event{}, ErrEvent},
		"a deleted session":   {`{"type":"user.deleted","data":{"id":"sess_1"}}`, Event{}, ErrEvent},
		"another case":        {`{"Type":"session.ended","Data":{"ID":"sess_1","user_id":"user_1"}}`, Event{}, ErrEvent},
		"bytes of no text":    {"{\"type\":\"session.ended\xff\"," + session + `}`, Event{}, ErrEvent},
		"nested without end":  {`{"type":"x","data":` + strings.Repeat("[", 1<<17), Event{}, ErrEvent},
		"an id without limit": {`{"type":"user.deleted","data":{"id":"user_` + strings.Repeat("1", 200) + `"}}`, Event{}, ErrEvent},
	} {
		got, err := parseEvent([]byte(test.body))
		if got != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(`{"object":"event","type":"session.ended","data":{"id":"sess_1","user_id":"user_1"}}`))
	f.Add([]byte(`{"type":"user.deleted","data":{"id":"user_1","deleted":true}}`))
	f.Add([]byte(`{"type":"session.created","data":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := parseEvent(body)
		text := string(body)
		switch {
		case err != nil && (e != Event{} || !errors.Is(err, ErrEvent)):
			t.Fatalf("refused with %v, and left %+v", err, e)
		case err != nil:
		case e.Type == "":
			t.Fatal("taken without a type")
		case e.Ends() && !strings.HasPrefix(e.User, "user_"):
			t.Fatalf("ends the user %q", e.User)
		case e.Session != "" && !strings.HasPrefix(e.Session, "sess_"):
			t.Fatalf("ends the session %q", e.Session)
		case !strings.Contains(text, `\`) && (!strings.Contains(text, e.User) || !strings.Contains(text, e.Session)):
			t.Fatalf("%+v was not said", e)
		}
	})
}
