package clients

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"tandem.example/pkg/fault"
)

// shelf is a store of one client.
type shelf struct{ record Record }

func (s *shelf) Find(_ context.Context, id string) (Record, error) {
	if id != s.record.ID {
		return Record{}, ErrClient
	}
	return s.record, nil
}

func (s *shelf) Put(_ context.Context, r Record) error { s.record = r; return nil }

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	private := Record{Client: Client{ID: "web"}, Digest: Digest("secret")}
	public := Record{Client: Client{ID: "web", Public: true}}
	off := private
	off.Disabled = true
	broken := Record{Client: Client{ID: "web"}} // neither public nor with a secret
	for name, test := range map[string]struct {
		record     Record
		id, secret string
		ok         bool
	}{
		"right": {private, "web", "secret", true}, "wrong": {private, "web", "Secret", false}, "none": {private, "web", "", false},
		"the digest": {private, "web", string(Digest("secret")), false}, "unknown": {private, "app", "secret", false},
		"malformed": {private, "a b", "secret", false}, "disabled": {off, "web", "secret", false},
		"public": {public, "web", "", true}, "public with a secret": {public, "web", "x", false},
		"no digest": {broken, "web", "", false},
	} {
		_, err := NewRegistry(&shelf{test.record}).Authenticate(t.Context(), test.id, test.secret)
		if (err == nil) != test.ok || err != nil && !errors.Is(err, ErrClient) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPutKeepsSubjectsApart(t *testing.T) {
	t.Parallel()
	for id, ok := range map[string]bool{
		"web": true, "Web-2": true, "": false, "user_1": false, "-x": false, "a}b": false,
		"0192d1f0-5f6f-7a00-8000-000000000001": false, "0192d1f05f6f7a008000000000000001": false,
	} {
		err := NewRegistry(&shelf{}).Put(t.Context(), Record{Client: Client{ID: id}, Digest: Digest("s")})
		if (err == nil) != ok {
			t.Errorf("%q: %v", id, err)
		}
	}
	if err := NewRegistry(&shelf{}).Put(t.Context(), Record{Client: Client{ID: "web"}}); err == nil {
		t.Error("a confidential client without a secret")
	}
}

func many(n int) (names []string) {
	for i := range n {
		names = append(names, "a"+strconv.Itoa(i))
	}
	return names
}

// placesOf is where the mistakes are.
func placesOf(err error) (places []string) {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || !errors.Is(err, ErrSettings) {
		return nil
	}
	for _, v := range f.Violations {
		places = append(places, v.Pointer)
	}
	return places
}
