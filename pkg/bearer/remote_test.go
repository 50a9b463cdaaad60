package bearer_test

import (
	"crypto/ed25519"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/fault"
)

// publisher is auth, as far as a verifier sees it.
type publisher struct {
	*httptest.Server

	asked  atomic.Int64
	mu     sync.Mutex // guards all below
	answer http.HandlerFunc
}

func newPublisher(tb testing.TB, keys ...*bearer.Key) *publisher {
	tb.Helper()
	p := &publisher{}
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		p.mu.Lock()
		answer := p.answer
		p.mu.Unlock()
		answer(w, r)
	}))
	tb.Cleanup(p.Close)
	p.publish(tb, keys...)
	return p
}

func (p *publisher) publish(tb testing.TB, keys ...*bearer.Key) {
	tb.Helper()
	body, err := bearer.KeySet(keys).JWKS()
	if err != nil {
		tb.Fatal(err)
	}
	p.say(string(body))
}

func (p *publisher) say(body string) {
	p.serve(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
}

func (p *publisher) serve(answer http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

func (p *publisher) verifier(tb testing.TB) *bearer.Verifier {
	tb.Helper()
	remote, err := bearer.NewRemote(p.URL, p.Client())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(remote.Close)
	return &bearer.Verifier{Keys: remote, Issuer: issuer, Audience: audience}
}

func edKey(tb testing.TB) *bearer.Key {
	tb.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return bearer.NewPrivateKey(private)
}

func sign(tb testing.TB, key *bearer.Key) string {
	tb.Helper()
	raw, err := key.Sign(validClaims(time.Now()))
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func TestARemoteVerifierAsksOnceForManyTokens(t *testing.T) {
	t.Parallel()
	key, next := edKey(t), edKey(t)
	p := newPublisher(t, key)
	v := p.verifier(t)
	raw := sign(t, key)
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			for range 20 {
				if got, err := v.Verify(t.Context(), raw); err != nil || got.Subject != "u1" {
					t.Errorf("%+v, %v", got, err)
				}
			}
		})
	}
	callers.Wait()
	if n := p.asked.Load(); n != 1 || !v.Ours(raw) {
		t.Fatalf("asked %d times", n)
	}
	// A key that was never announced is found by asking.
	p.publish(t, next, key)
	for range 10 {
		if _, err := v.Verify(t.Context(), sign(t, next)); err != nil {
			t.Fatal(err)
		}
	}
	// One that nobody has is asked for a few times at most.
	for range 50 {
		if _, err := v.Verify(t.Context(), sign(t, edKey(t))); !errors.Is(err, bearer.ErrKey) {
			t.Fatal(err)
		}
	}
	if n := p.asked.Load(); n > 8 {
		t.Fatalf("asked %d times", n)
	}
}

// Whatever the publisher answers but a key set, no token is accepted and none is
// called bad: that is a 503.
func TestWithoutAKeySetNothingIsKnown(t *testing.T) {
	t.Parallel()
	key := edKey(t)
	good, err := bearer.KeySet{key}.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	one := strings.TrimSuffix(strings.TrimPrefix(string(good), `{"keys":[`), `]}`)
	for name, answer := range map[string]http.HandlerFunc{
		"an error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"a good body, and an error": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write(good)
		},
		"a redirect":     func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"a page":         func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"nothing":        func(http.ResponseWriter, *http.Request) {},
		"no keys member": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) },
		"two of one id":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"keys":[`+one+`,`+one+`]}`) },
		"keys twice":     func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"keys":[],"keys":[`+one+`]}`) },
		"too many keys": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"keys":[`+strings.Repeat(`{},`, 64)+one+`]}`)
		},
		"a long body": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(good)
			_, _ = io.WriteString(w, strings.Repeat(" ", 64<<10))
		},
		"half a body": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10000")
			_, _ = w.Write(good)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPublisher(t)
			p.serve(answer)
			_, err := p.verifier(t).Verify(t.Context(), sign(t, key))
			if !errors.Is(err, bearer.ErrKeys) || fault.KindOf(err) != fault.Unavailable || fault.From(err).RetryAfter == 0 {
				t.Errorf("%v", err)
			}
		})
	}
	p := newPublisher(t, key)
	stranger, err := bearer.NewRemote(p.URL, nil) // does not know the test's authority
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.Ready(t.Context()); !errors.Is(err, bearer.ErrKeys) {
		t.Errorf("a certificate nobody vouches for: %v", err)
	}
	if n := p.asked.Load(); n != 0 {
		t.Error("asked all the same")
	}
	for _, address := range []string{"http://auth.example/jwks.json", "auth.example", "https://", "file:///etc/passwd", ""} {
		if _, err := bearer.NewRemote(address, nil); err == nil {
			t.Errorf("%q was taken", address)
		}
	}
}

// Only public Ed25519 keys that are for signatures count, whatever else is in
// the document.
func TestOnlyKeysOfOurKindCount(t *testing.T) {
	t.Parallel()
	key := edKey(t)
	good, err := bearer.KeySet{key}.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	raw := sign(t, key)
	for name, change := range map[string][2]string{
		"a secret":          {`"kty":"OKP"`, `"kty":"oct"`},
		"another curve":     {`"crv":"Ed25519"`, `"crv":"X25519"`},
		"for encryption":    {`"use":"sig"`, `"use":"enc"`},
		"another algorithm": {`"alg":"EdDSA"`, `"alg":"HS256"`},
		"a private member":  {`"use":"sig"`, `"use":"sig","d":"AA"`},
		"another id":        {`"kid":"`, `"kid":"x`},
		"no id":             {`"kid":"` + key.ID + `"`, `"kid":""`},
		"a short key":       {`"x":"`, `"x":"","x5":"`},
		"a padded key":      {`","kid"`, `=","kid"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := strings.Replace(string(good), change[0], change[1], 1)
			if body == string(good) {
				t.Fatal("nothing changed")
			}
			p := newPublisher(t)
			p.say(body)
			if _, err := p.verifier(t).Verify(t.Context(), raw); !errors.Is(err, bearer.ErrKey) {
				t.Error(err)
			}
		})
	}
	p := newPublisher(t)
	p.say(strings.Replace(string(good), `{"keys":[`, `{"new":1,"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"`+key.ID+`"},`, 1))
	if _, err := p.verifier(t).Verify(t.Context(), raw); err != nil {
		t.Errorf("beside a key for others: %v", err)
	}
}

func TestSecretsAreNotPublished(t *testing.T) {
	t.Parallel()
	body, err := secrets(t, secretA, secretB).JWKS()
	if err != nil || string(body) != `{"keys":[]}` {
		t.Errorf("%s, %v", body, err)
	}
	key := edKey(t)
	body, err = append(secrets(t, secretA, ""), key).JWKS()
	if err != nil || strings.Count(string(body), `"kid"`) != 1 || strings.Contains(string(body), `"d"`) || strings.Contains(string(body), `"k"`) {
		t.Errorf("%s, %v", body, err)
	}
}
