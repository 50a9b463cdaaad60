package sessions

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

const (
	secretA = "0123456789abcdef0123456789abcdef"
	secretB = "fedcba9876543210fedcba9876543210"
)

func refresher(tb testing.TB, current, previous string) *Refresher {
	tb.Helper()
	r, err := NewRefresher([]byte(current), []byte(previous))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func sample() *refresh {
	return &refresh{
		session: uuid.MustParse("0192d1f0-5f6f-7a00-8000-000000000001"), generation: 7, end: time.Unix(1_800_000_000, 0),
		secret: [32]byte{1, 2, 3}, subject: "user", client: "web",
	}
}

func TestRefreshTokenRoundTrip(t *testing.T) {
	t.Parallel()
	r := refresher(t, secretA, "")
	raw := r.encode(sample())
	got, err := r.parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	got.key = nil
	if got != *sample() {
		t.Fatalf("got %+v", got)
	}
	for i := range raw { // every single character counts
		other := raw[:i] + string(raw[i]^1) + raw[i+1:]
		if _, err := r.parse(other); !errors.Is(err, ErrMalformed) {
			t.Fatalf("character %d does not count: %v", i, err)
		}
	}
	for _, bad := range []string{"", "x", raw + "A", raw[:len(raw)-2], raw + "=", " " + raw, strings.Repeat("A", 300), strings.Repeat("A", 1000)} {
		if _, err := r.parse(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestSuccessorIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	here, there := refresher(t, secretA, ""), refresher(t, secretB, secretA)
	raw := here.encode(sample())
	a, err := here.parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	b, err := there.parse(raw) // after the secret was rotated
	if err != nil {
		t.Fatal(err)
	}
	x, y := a.successor(), b.successor()
	if x.secret != y.secret || x.generation != 8 || string(x.digest()) != string(y.digest()) {
		t.Fatal("two instances derive different successors")
	}
	if x.secret == a.secret || a.secret != sample().secret {
		t.Fatal("the successor is no other secret, or has overwritten the presented one")
	}
	if z := x.successor(); z.secret == x.secret {
		t.Fatal("the chain stands still")
	}
	if _, err := refresher(t, secretB, "").parse(raw); !errors.Is(err, ErrMalformed) {
		t.Fatalf("a withdrawn secret: %v", err)
	}
}

// FuzzRefreshToken: a token has one form, which is the one that its key makes, and
// everything else is malformed.
func FuzzRefreshToken(f *testing.F) {
	r := refresher(f, secretA, secretB)
	f.Add(r.encode(sample()), []byte(nil))
	f.Add(refresher(f, secretB, "").encode(sample()), []byte(nil))
	good, err := base64.RawURLEncoding.DecodeString(r.encode(sample()))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("AAAA", good[:len(good)-macSize])
	f.Fuzz(func(t *testing.T, raw string, body []byte) {
		texts := []string{raw}
		for i := range r.keys { // with a right MAC the parser itself is what is fuzzed
			texts = append(texts, base64.RawURLEncoding.EncodeToString(slices.Concat(body, r.keys[i].tag(body))))
		}
		for _, text := range texts {
			got, err := r.parse(text)
			if err != nil {
				if !errors.Is(err, ErrMalformed) || got != (refresh{}) {
					t.Fatalf("%q: %+v, %v", text, got, err)
				}
				continue
			}
			if again := (&Refresher{[]refreshKey{*got.key}}).encode(&got); again != text {
				t.Fatalf("read %+v from %q", got, text)
			}
		}
	})
}
