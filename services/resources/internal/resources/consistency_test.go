package resources

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func FuzzConsistencyToken(f *testing.F) {
	id, other := NewID(), NewID()
	for _, seed := range []string{"", consistencyToken(id, 7), id.String(), ":", ":1", id.String() + ":+1", id.String() + ":-1", "a:1, b:2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, list string) {
		version, err := atLeast(list, id)
		if version < 0 || err != nil && (version != 0 || !errors.Is(err, ErrInvalidConsistency)) {
			t.Fatalf("%q: %d, %v", list, version, err)
		}
		if err != nil || list == "" {
			return
		}
		// What one may name is one of several, in any order.
		mine := consistencyToken(id, math.MaxInt64)
		for _, more := range []string{list + "," + mine, mine + " ,\t" + list, consistencyToken(other, 5) + ", " + mine} {
			if strings.Count(more, ",") >= maxTokens {
				continue
			}
			if got, err := atLeast(more, id); err != nil || got != math.MaxInt64 {
				t.Fatalf("%q: %d, %v", more, got, err)
			}
		}
	})
}

func TestConsistencyTokens(t *testing.T) {
	t.Parallel()
	id, other := NewID(), NewID()
	token := consistencyToken(id, 7)
	for list, want := range map[string]int64{
		"": 0, token: 7, consistencyToken(other, 9): 0, strings.ToUpper(token): 7,
		consistencyToken(id, 3) + "," + consistencyToken(other, 9) + " , " + token: 7,
	} {
		if got, err := atLeast(list, id); err != nil || got != want {
			t.Errorf("%q: %d, %v", list, got, err)
		}
	}
	for _, list := range []string{
		"7", id.String(), id.String() + ":", id.String() + ":0", id.String() + ":-1", id.String() + ":+1", id.String() + ":1x",
		id.String() + ":9223372036854775808", "{" + id.String() + "}:1", token + ",", ",", token + ";" + token,
		strings.Repeat(token+",", maxTokens) + token,
	} {
		if got, err := atLeast(list, id); !errors.Is(err, ErrInvalidConsistency) || got != 0 {
			t.Errorf("%q: %d, %v", list, got, err)
		}
	}
}
