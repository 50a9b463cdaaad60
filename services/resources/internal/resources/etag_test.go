package resources

import (
	"errors"
	"slices"
	"testing"
)

func TestParseIfMatch(t *testing.T) {
	t.Parallel()
	for header, c := range map[string]struct {
		match Match
		bad   bool
	}{
		``:               {nil, false},
		`*`:              {nil, false},
		`"3"`:            {Match{3}, false},
		`"3", "4"`:       {Match{3, 4}, false},
		`W/"3"`:          {Match{}, false}, // RFC 9110 §13.1.1: strong comparison
		`"not-a-number"`: {Match{}, false},
		`3`:              {nil, true},
		`"3`:             {nil, true},
		`"`:              {nil, true},
		`"3",`:           {nil, true},
	} {
		match, err := parseIfMatch(header)
		if errors.Is(err, ErrInvalidMatch) != c.bad || !slices.Equal(match, c.match) || (match == nil) != (c.match == nil) {
			t.Errorf("%s: %v, %v", header, match, err)
		}
	}
	if (Match{}).Allows(1) || !Match(nil).Allows(1) {
		t.Error("a condition that nothing satisfies must not be taken for none")
	}
}

func TestRevalidates(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		``: false, `*`: true, `"7"`: true, `W/"7"`: true, `"6", "7"`: true, `"70"`: false, `7`: false,
	} {
		if revalidates(header, 7) != want {
			t.Errorf("%s: %t", header, !want)
		}
	}
}

func TestCursorsNameTheirList(t *testing.T) {
	t.Parallel()
	q := Query{Tenant: "t", Type: "invoice"}
	id := NewID()
	next, err := q.At(q.cursor(id))
	if err != nil || next.After != id {
		t.Fatalf("%v: %v", next.After, err)
	}
	for _, bad := range []string{"", "x", "e30", q.cursor(ID{}), Query{Type: "order"}.cursor(id), Query{}.cursor(id), q.cursor(id) + "="} {
		if _, err := q.At(bad); !errors.Is(err, ErrInvalidCursor) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(Query{Type: "a"}.cursor(NewID()))
	f.Fuzz(func(t *testing.T, cursor string) {
		q := Query{Type: "a"}
		if next, err := q.At(cursor); err == nil && next.After == (ID{}) {
			t.Fatal("a cursor that leads to the start")
		}
	})
}
