package bearer_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"tandem.example/pkg/bearer"
)

// suite is one of the two algorithms: our key, and the same in the hands of
// somebody else's library.
type suite struct {
	name     string
	method   jwt.SigningMethod
	key      *bearer.Key
	material any
	verifier *bearer.Verifier
	now      time.Time
}

func suites(tb testing.TB) []suite {
	tb.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		tb.Fatal(err)
	}
	both := []suite{
		{name: "HS256", method: jwt.SigningMethodHS256, key: secrets(tb, secretA, "")[0], material: []byte(secretA)},
		{name: "EdDSA", method: jwt.SigningMethodEdDSA, key: bearer.NewPrivateKey(private), material: private},
	}
	for i := range both {
		s := &both[i]
		s.now = time.Now()
		s.verifier = &bearer.Verifier{Keys: bearer.KeySet{s.key}, Issuer: issuer, Audience: audience, Now: func() time.Time { return s.now }}
	}
	return both
}

// forge signs with the good key. Nil removes a member.
func (s suite) forge(tb testing.TB, header, claims map[string]any) string {
	tb.Helper()
	all := map[string]any{"typ": "at+jwt", "kid": s.key.ID}
	maps.Copy(all, header)
	return forge(tb, s.method, s.material, all, claimMap(s.now, claims))
}

func (s suite) refuses(t *testing.T, what, raw string, want error) {
	t.Helper()
	if _, err := s.verifier.Verify(t.Context(), raw); !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

type changes = map[string]any

// TestClauses has, for each requirement on tokens, what would break it, under
// both algorithms. Where the good token is not accepted, nothing is proved.
func TestClauses(t *testing.T) {
	t.Parallel()
	type attempt struct {
		name           string
		header, claims changes
		want           error
	}
	later := func(s suite, d time.Duration) int64 { return s.now.Add(d).Unix() }
	table := map[string]func(s suite) []attempt{
		"ASVS 9.2.1 validity": func(s suite) []attempt {
			return []attempt{
				{"expired", nil, changes{"exp": s.now.Unix()}, bearer.ErrExpired},
				{"long expired", nil, changes{"exp": later(s, -time.Hour)}, bearer.ErrExpired},
				{"without an end", nil, changes{"exp": nil}, bearer.ErrClaims},
				{"an end that is text", nil, changes{"exp": "9999999999"}, bearer.ErrClaims},
				{"an end that is no integer", nil, changes{"exp": 1e300}, bearer.ErrClaims},
				{"not valid yet", nil, changes{"nbf": later(s, 2*time.Minute)}, bearer.ErrEarly},
				{"issued in the future", nil, changes{"iat": later(s, 2*time.Minute)}, bearer.ErrEarly},
			}
		},
		"ASVS 9.2.2 type": func(suite) []attempt {
			return []attempt{
				{"an identity token", changes{"typ": "JWT"}, nil, bearer.ErrType},
				{"no type", changes{"typ": nil}, nil, bearer.ErrType},
				{"a logout token", changes{"typ": "logout+jwt"}, nil, bearer.ErrType},
				{"a type that is no text", changes{"typ": 7}, nil, bearer.ErrType},
			}
		},
		"RFC 8725 3.11 explicit typing": func(suite) []attempt {
			return []attempt{
				{"the full media type is the same type", changes{"typ": "application/at+jwt"}, nil, nil},
				{"in other letters", changes{"typ": "AT+JWT"}, nil, nil},
				{"another media type", changes{"typ": "text/at+jwt"}, nil, bearer.ErrType},
				{"what is critical and not understood", changes{"crit": []string{"exp"}}, nil, bearer.ErrMalformed},
			}
		},
		"ASVS 9.2.3, 10.3.1 audience": func(suite) []attempt {
			return []attempt{
				{"another's", nil, changes{"aud": "other"}, bearer.ErrAudience},
				{"of several others", nil, changes{"aud": []string{"other", audience + "x"}}, bearer.ErrAudience},
				{"none", nil, changes{"aud": nil}, bearer.ErrAudience},
				{"ours among others", nil, changes{"aud": []string{"other", audience}}, nil},
			}
		},
		"RFC 8725 3.8 issuer and subject": func(suite) []attempt {
			return []attempt{
				{"another issuer", nil, changes{"iss": "https://evil.example"}, bearer.ErrIssuer},
				{"almost ours", nil, changes{"iss": issuer + "/"}, bearer.ErrIssuer},
				{"no issuer", nil, changes{"iss": nil}, bearer.ErrIssuer},
				{"no subject", nil, changes{"sub": nil}, bearer.ErrClaims},
				{"an empty subject", nil, changes{"sub": ""}, bearer.ErrClaims},
			}
		},
		"RFC 8725 3.10 received claims": func(suite) []attempt {
			return []attempt{
				{"a kid that is a path", changes{"kid": "../../../../dev/null"}, nil, bearer.ErrKey},
				{"a kid that is a query", changes{"kid": "' OR 1=1 --"}, nil, bearer.ErrKey},
				{"a kid that is a URL", changes{"kid": "https://evil.example/key"}, nil, bearer.ErrKey},
				{"a kid that is no text", changes{"kid": []int{1}}, nil, bearer.ErrKey},
				{"no kid", changes{"kid": nil}, nil, bearer.ErrKey},
			}
		},
		"RFC 9068 2.2 required claims": func(suite) []attempt {
			list := []attempt{{"all of them", nil, nil, nil}}
			for name, want := range map[string]error{
				"iss": bearer.ErrIssuer, "exp": bearer.ErrClaims, "aud": bearer.ErrAudience, "sub": bearer.ErrClaims,
				"client_id": bearer.ErrClaims, "iat": bearer.ErrClaims, "jti": bearer.ErrClaims,
			} {
				list = append(list, attempt{"without " + name, nil, changes{name: nil}, want})
			}
			return list
		},
	}
	for clause, attempts := range table {
		t.Run(clause, func(t *testing.T) {
			t.Parallel()
			for _, s := range suites(t) {
				s.refuses(t, s.name+": the good one", s.forge(t, nil, nil), nil)
				for _, a := range attempts(s) {
					s.refuses(t, s.name+": "+a.name, s.forge(t, a.header, a.claims), a.want)
				}
			}
		})
	}
}

// What our signer writes has every claim and the type (RFC 9068 §2.1, §2.2).
func TestClauses_RFC9068_2_2_AsSigned(t *testing.T) {
	t.Parallel()
	for _, s := range suites(t) {
		raw, err := s.key.Sign(validClaims(s.now))
		if err != nil {
			t.Fatal(err)
		}
		s.refuses(t, s.name, raw, nil)
		parts := strings.Split(raw, ".")
		var header, claims map[string]any
		for i, into := range []*map[string]any{&header, &claims} {
			text, err := base64.RawURLEncoding.DecodeString(parts[i])
			if err == nil {
				err = json.Unmarshal(text, into)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(header) != 3 || header["typ"] != "at+jwt" || header["alg"] != s.name || header["kid"] != s.key.ID {
			t.Errorf("%v", header)
		}
		for _, name := range []string{"iss", "exp", "aud", "sub", "client_id", "iat", "jti", "scope"} {
			if claims[name] == nil {
				t.Errorf("%s: no %s", s.name, name)
			}
		}
	}
}

// Each verifier has keys of both algorithms; only the key's own is accepted
// (ASVS 9.1.2, RFC 8725 §3.1).
func TestClauses_ASVS9_1_2_RFC8725_3_1_Algorithms(t *testing.T) {
	t.Parallel()
	both := suites(t)
	all := &bearer.Verifier{Keys: bearer.KeySet{both[0].key, both[1].key}, Issuer: issuer, Audience: audience}
	both[0].verifier, both[1].verifier = all, all
	hs, ed := both[0], both[1]
	public, _ := ed.material.(ed25519.PrivateKey).Public().(ed25519.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	m := claimMap(time.Now(), nil)
	rsaKey, _ := rsaPair(t)
	for name, test := range map[string]struct {
		raw  string
		want error
	}{
		"HS256 is accepted":                     {hs.forge(t, nil, nil), nil},
		"EdDSA is accepted":                     {ed.forge(t, nil, nil), nil},
		"none":                                  {forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, changes{"typ": "at+jwt", "kid": hs.key.ID}, m), bearer.ErrAlgorithm},
		"none, under the other key":             {forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, changes{"typ": "at+jwt", "kid": ed.key.ID}, m), bearer.ErrAlgorithm},
		"HS512":                                 {forge(t, jwt.SigningMethodHS512, []byte(secretA), changes{"typ": "at+jwt", "kid": hs.key.ID}, m), bearer.ErrAlgorithm},
		"RS256":                                 {forge(t, jwt.SigningMethodRS256, rsaKey, changes{"typ": "at+jwt", "kid": ed.key.ID}, m), bearer.ErrAlgorithm},
		"the public key as a secret, raw":       {forge(t, jwt.SigningMethodHS256, []byte(public), changes{"typ": "at+jwt", "kid": ed.key.ID}, m), bearer.ErrAlgorithm},
		"the public key as a secret, base64url": {forge(t, jwt.SigningMethodHS256, []byte(base64.RawURLEncoding.EncodeToString(public)), changes{"typ": "at+jwt", "kid": ed.key.ID}, m), bearer.ErrAlgorithm},
		"the public key as a secret, PEM":       {forge(t, jwt.SigningMethodHS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), changes{"typ": "at+jwt", "kid": ed.key.ID}, m), bearer.ErrAlgorithm},
		"the public key as a secret of the other id": {forge(t, jwt.SigningMethodHS256, []byte(public), changes{"typ": "at+jwt", "kid": hs.key.ID}, m), bearer.ErrSignature},
		"EdDSA under the id of the secret":           {forge(t, jwt.SigningMethodEdDSA, ed.material, changes{"typ": "at+jwt", "kid": hs.key.ID}, m), bearer.ErrAlgorithm},
	} {
		hs.refuses(t, name, test.raw, test.want)
	}
	// The headers that our signer writes, exchanged: the short way pins the same.
	for _, s := range both {
		other := both[0]
		if s.name == other.name {
			other = both[1]
		}
		header, _, _ := strings.Cut(s.forge(t, nil, nil), ".")
		own, err := other.key.Sign(validClaims(time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(own, ".")
		s.refuses(t, "the header of "+s.name, header+"."+rest, bearer.ErrSignature)
	}
}

// A token that brings its key, or says where it is, is checked with ours; and
// nobody is asked (ASVS 9.1.3).
func TestClauses_ASVS9_1_3_KeySources(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	evil := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer evil.Close()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	own := changes{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(public), "kid": "evil", "alg": "EdDSA"}
	for _, s := range suites(t) {
		for name, source := range map[string]changes{
			"jwk": {"jwk": own}, "jku": {"jku": evil.URL}, "x5u": {"x5u": evil.URL}, "x5c": {"x5c": []string{"MA=="}},
		} {
			stolen := bearer.ErrSignature // under our key's name
			if s.name == "HS256" {
				stolen = bearer.ErrAlgorithm
			}
			for kid, want := range map[string]error{"evil": bearer.ErrKey, s.key.ID: stolen} {
				header := changes{"typ": "at+jwt", "kid": kid}
				maps.Copy(header, source)
				raw := forge(t, jwt.SigningMethodEdDSA, private, header, claimMap(s.now, nil))
				s.refuses(t, s.name+" "+name+" "+kid, raw, want)
			}
			s.refuses(t, s.name+" "+name+" beside a good signature", s.forge(t, source, nil), nil)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

// Secrets shorter than the hash are refused (RFC 7518 §3.2, ASVS 11.2.2: keys
// and algorithms are configuration, and change without a change of code).
func TestClauses_RFC7518_3_2_KeySize(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]bool{0: false, 1: false, 16: false, 31: false, 32: true, 64: true} {
		_, err := bearer.NewSecrets([]byte(strings.Repeat("k", size)), nil)
		if (err == nil) != want {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// A key is replaced, and an algorithm by another, under one verifier and
// without a refusal (ASVS 11.2.2).
func TestClauses_ASVS11_2_2_Agility(t *testing.T) {
	t.Parallel()
	d, dir, first, _ := directory(t)
	ring := &bearer.Keyring{Secrets: secrets(t, secretA, secretB), SecretsUntil: time.Now().Add(time.Hour), Directory: d}
	v := &bearer.Verifier{Keys: ring, Issuer: issuer, Audience: audience}
	second := generate(t, dir, time.Now())
	d.Look()
	for name, key := range map[string]*bearer.Key{
		"the secret": ring.Secrets[0], "the secret before it": ring.Secrets[1], "a key": first.Key, "the next key": second.Key,
	} {
		raw, err := key.Sign(validClaims(time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A MAC is compared in constant time (ASVS 11.2.4). The clock is too coarse to
// show that, so this reads the source; Ed25519 has no secret to compare.
func TestClauses_ASVS11_2_4_ConstantTime(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "key_secret.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var called []string
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Name.Name == "verify" {
			ast.Inspect(f, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					called = append(called, s.Sel.Name)
				}
				return true
			})
		}
	}
	if !slices.Contains(called, "ConstantTimeCompare") || slices.Contains(called, "Equal") {
		t.Errorf("verify calls %v", called)
	}
}
