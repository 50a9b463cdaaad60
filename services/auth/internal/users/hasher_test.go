package users

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

func TestHashes(t *testing.T) {
	t.Parallel()
	h := NewHasher(Config{Queue: 32}, nil)
	phc, err := h.Hash(t.Context(), "correct horse")
	if err != nil || !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatal(phc, err)
	}
	other, err := h.Hash(t.Context(), "correct horse")
	if err != nil || other == phc {
		t.Fatal("no salt", err)
	}
	p, err := parsePHC(phc)
	if err != nil || p.outdated() {
		t.Fatalf("%+v, %v", p, err)
	}
	for password, want := range map[string]bool{"correct horse": true, "correct horsf": false, "": false} {
		if got := h.matches(p, password); got != want {
			t.Errorf("%q: %v", password, got)
		}
	}
	// Of another program and with other costs, as after a migration.
	const foreign = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$"
	p, err = parsePHC(foreign + strings.Repeat("A", 43))
	if err != nil || p.memory != 64 || !p.outdated() {
		t.Fatalf("%+v, %v", p, err)
	}
	for _, bad := range []string{
		"", "x", strings.Replace(phc, "argon2id", "argon2i", 1), strings.Replace(phc, "v=19", "v=16", 1),
		strings.Replace(phc, "m=19456", "m=99999999", 1), strings.Replace(phc, "t=2", "t=0", 1),
		strings.Replace(phc, "p=1", "p=99", 1), phc[:len(phc)-2], phc + "$", strings.Replace(phc, "$m=", "$x=", 1),
	} {
		if _, err := parsePHC(bad); !errors.Is(err, errHashForm) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestThePoolIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &Hasher{slots: make(chan struct{}, 2), queue: 64}
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		var inside, refused int
		var group sync.WaitGroup
		for range 500 {
			group.Go(func() {
				err := h.acquire(ctx)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					inside++
				} else if errors.Is(err, ErrBusy) {
					refused++
				}
			})
		}
		synctest.Wait()
		mu.Lock()
		if inside != 2 || refused != 500-2-64 {
			t.Errorf("%d inside, %d refused", inside, refused)
		}
		mu.Unlock()
		h.release()
		synctest.Wait()
		mu.Lock()
		if inside != 3 {
			t.Errorf("%d inside after one left", inside)
		}
		mu.Unlock()
		cancel() // the clients have gone
		group.Wait()
		if h.waiting.Load() != 0 {
			t.Errorf("%d still wait", h.waiting.Load())
		}
	})
}

func TestParseLogin(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		" a@b ": "a@b", "Ame\u0301lie": "Am\u00e9lie", "": "", " ": "", "a\x00b": "", "a\nb": "", "\xff": "", strings.Repeat("x", 255): "",
	} {
		got, err := ParseLogin(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

func FuzzPHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$" + strings.Repeat("A", 43))
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePHC(s)
		if err != nil {
			return
		}
		again, err := parsePHC(p.String())
		if err != nil || again.String() != p.String() {
			t.Fatalf("%q: %v", s, err)
		}
	})
}
