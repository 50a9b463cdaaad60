package users

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"

	"tandem.example/pkg/fault"
)

// book is a store of one user that counts what it is asked.
type book struct {
	mu     sync.Mutex
	user   User
	hash   string
	err    error // of every call
	broken error // of Renew
	reads  int
	writes int
}

func (b *book) ByLogin(_ context.Context, login string) (User, string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reads++
	switch {
	case b.err != nil:
		return User{}, "", b.err
	case login != b.user.Login:
		return User{}, "", ErrUnknown
	}
	return b.user, b.hash, nil
}

func (b *book) Renew(_ context.Context, id, old, renewed string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.writes++
	if b.broken == nil && id == b.user.ID && old == b.hash {
		b.hash = renewed
	}
	return b.broken
}

// tally is a count of guesses that are all admitted, or none.
type tally struct {
	mu            sync.Mutex
	err           error
	charged, back int
	charges       []string
}

func (c *tally) Charge(_ context.Context, account string) (func(context.Context) error, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.charged++
	c.charges = append(c.charges, account)
	return func(context.Context) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.back++
		return nil
	}, c.err
}

// bench is an authenticator with its parts at hand.
type bench struct {
	*Authenticator

	book  *book
	tally *tally
}

func newBench(t *testing.T, password string) bench {
	t.Helper()
	b := bench{book: &book{}, tally: &tally{}}
	b.Authenticator = NewAuthenticator(b.book, NewHasher(Config{Queue: 32}, nil), b.tally, zap.NewNop())
	hash, err := b.hasher.Hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	b.book.user, b.book.hash = User{ID: "1", Login: "anna"}, hash
	return b
}

func (b bench) hashes() float64 { return testutil.ToFloat64(b.hasher.hashed) }

func TestASVS_6_3_8_EveryRefusalOfALoginIsTheSameWork(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		login, password string
		disabled        bool
	}{
		"wrong":              {login: "anna", password: "correct horsf"},
		"unknown":            {login: "bert", password: "correct horse"},
		"disabled":           {login: "anna", password: "correct horse", disabled: true},
		"disabled and wrong": {login: "anna", password: "correct horsf", disabled: true},
		"short":              {login: "anna", password: "x"},
		"long":               {login: "anna", password: strings.Repeat("x", 200_000)},
		"not UTF-8":          {login: "anna", password: "correct\xff horse"},
		"name too long":      {login: strings.Repeat("x", 300), password: "correct horse"},
		"name of spaces":     {login: "  ", password: "correct horse"},
		"name not UTF-8":     {login: "a\xff", password: "correct horse"},
		"name with a NUL":    {login: "a\x00b", password: "correct horse"},
		"both":               {login: "", password: ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "correct horse")
			b.book.user.Disabled = test.disabled
			before := b.hashes()
			if _, err := b.Login(t.Context(), test.login, test.password); !errors.Is(err, ErrCredentials) {
				t.Fatal(err)
			}
			if n := b.hashes() - before; n != 1 || b.book.reads != 1 || b.book.writes != 0 || b.tally.charged != 1 || b.tally.back != 0 {
				t.Errorf("%v hashes, %d reads, %d writes, %d charges, %d given back", n, b.book.reads, b.book.writes, b.tally.charged, b.tally.back)
			}
		})
	}
	if p, err := parsePHC(NewHasher(Config{Queue: 32}, nil).dummy); err != nil || p.outdated() {
		t.Errorf("the hash for nobody costs something else: %+v, %v", p, err)
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	b := newBench(t, "correct horse")
	if u, err := b.Login(t.Context(), " anna ", "correct horse"); err != nil || u.Login != "anna" || b.tally.back != 1 {
		t.Fatal(u, err, b.tally.back)
	}
	b.book.err = errors.New("down")
	if _, err := b.Login(t.Context(), "anna", "correct horse"); !errors.Is(err, b.book.err) {
		t.Errorf("an outage is taken for a wrong password: %v", err)
	}
}

// A guess that may not be made is not looked at; one that could not be looked at
// is not counted.
func TestASVS_6_3_1_AGuessIsCountedBeforeItIsLookedAt(t *testing.T) {
	t.Parallel()
	b := newBench(t, "correct horse")
	b.tally.err = fault.New(fault.TooManyRequests, "rate_limited", "")
	before := b.hashes()
	if _, err := b.Login(t.Context(), "anna", "correct horse"); !errors.Is(err, b.tally.err) || b.hashes() != before {
		t.Errorf("%v, %v hashes", err, b.hashes()-before)
	}
	if b.tally.charges[0] != "anna" {
		t.Errorf("charged to %v", b.tally.charges)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.hasher.slots = make(chan struct{}) // nobody gets in
	if _, err := b.Login(ctx, "anna", "correct horse"); !errors.Is(err, ErrBusy) || b.tally.charged != 1 {
		t.Errorf("%v, %d charges", err, b.tally.charged)
	}
}

// weak is a hash of "correct horse" that costs next to nothing.
func weak() string {
	p := params{memory: 64, time: 1, lanes: 1, salt: []byte("somesaltsomesalt")}
	p.sum = p.hash("correct horse")
	return p.String()
}

func TestASVS_11_4_2_AWeakHashIsReplacedAtLogin(t *testing.T) {
	t.Parallel()
	b := newBench(t, "correct horse")
	b.book.hash = weak()
	if _, err := b.Login(t.Context(), "anna", "wrong horse"); !errors.Is(err, ErrCredentials) || b.book.hash != weak() {
		t.Fatalf("a wrong password renews: %v", err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := b.Login(t.Context(), "anna", "correct horse"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	p, err := parsePHC(b.book.hash)
	if err != nil || p.outdated() || !b.hasher.matches(p, "correct horse") {
		t.Fatalf("%+v, %v", p, err)
	}
	writes := b.book.writes
	if _, err := b.Login(t.Context(), "anna", "correct horse"); err != nil || b.book.writes != writes {
		t.Errorf("renewed again: %v", err)
	}
}

func TestASVS_11_4_2_AHashThatCannotBeReplacedStillServes(t *testing.T) {
	t.Parallel()
	b := newBench(t, "correct horse")
	b.book.hash, b.book.broken = weak(), errors.New("down")
	if _, err := b.Login(t.Context(), "anna", "correct horse"); err != nil || b.book.writes != 1 || b.book.hash != weak() {
		t.Errorf("%v, %d writes", err, b.book.writes)
	}
}
