package bearer_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"tandem.example/pkg/bearer"
)

const (
	issuer   = "https://auth.example"
	audience = "tandem"
	secretA  = "0123456789abcdef0123456789abcdef"
	secretB  = "fedcba9876543210fedcba9876543210"
)

func secrets(tb testing.TB, current, previous string) bearer.KeySet {
	tb.Helper()
	keys, err := bearer.NewSecrets([]byte(current), []byte(previous))
	if err != nil {
		tb.Fatal(err)
	}
	return keys
}

func validClaims(now time.Time) bearer.Claims {
	return bearer.Claims{
		Issuer: issuer, Audience: bearer.Audience{audience}, Subject: "u1", ClientID: "web", ID: "j1", SessionID: "s1",
		Tenant: "u1", Scopes: "resources:read resources:write", Roles: []string{"member"},
		IssuedAt: now.Unix(), Expires: now.Add(time.Minute).Unix(),
	}
}

// forge signs any header and claims the way somebody else's library would.
func forge(tb testing.TB, method jwt.SigningMethod, key any, header, claims map[string]any) string {
	tb.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims(claims))
	maps.Copy(token.Header, header)
	for name, value := range token.Header {
		if value == nil {
			delete(token.Header, name)
		}
	}
	raw, err := token.SignedString(key)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func claimMap(now time.Time, change map[string]any) map[string]any {
	m := map[string]any{
		"iss": issuer, "aud": audience, "sub": "u1", "client_id": "web", "jti": "j1", "sid": "s1", "tenant": "u1",
		"scope": "resources:read", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}
	maps.Copy(m, change)
	for name, value := range m {
		if value == nil {
			delete(m, name)
		}
	}
	return m
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	now := time.Now()
	keys := secrets(t, secretA, "")
	v := &bearer.Verifier{Keys: keys, Issuer: issuer, Audience: audience, Now: func() time.Time { return now }}
	kid := keys[0].ID
	// Header forms: ours takes the short way, the other the general one.
	forms := map[string]map[string]any{
		"own header":   {"typ": "at+jwt", "kid": kid},
		"other header": {"typ": "application/at+jwt", "kid": kid, "x": 1},
	}
	claims := []struct {
		name   string
		change map[string]any
		want   error
	}{
		{"nothing wrong", nil, nil},
		{"audience among others", map[string]any{"aud": []string{"x", audience}}, nil},
		{"unknown member", map[string]any{"new": true}, nil},
		{"expired", map[string]any{"exp": now.Unix()}, bearer.ErrExpired},
		{"no expiry", map[string]any{"exp": nil}, bearer.ErrClaims},
		{"expiry as text", map[string]any{"exp": "9999999999"}, bearer.ErrClaims},
		{"not yet valid", map[string]any{"nbf": now.Add(2 * time.Minute).Unix()}, bearer.ErrEarly},
		{"issued in the future", map[string]any{"iat": now.Add(2 * time.Minute).Unix()}, bearer.ErrEarly},
		{"clock a little off", map[string]any{"iat": now.Add(30 * time.Second).Unix()}, nil},
		{"other issuer", map[string]any{"iss": issuer + "/"}, bearer.ErrIssuer},
		{"no issuer", map[string]any{"iss": nil}, bearer.ErrIssuer},
		{"other audience", map[string]any{"aud": "other"}, bearer.ErrAudience},
		{"no audience", map[string]any{"aud": nil}, bearer.ErrAudience},
		{"audience of a wrong type", map[string]any{"aud": 7}, bearer.ErrClaims},
		{"no subject", map[string]any{"sub": nil}, bearer.ErrClaims},
		{"no client", map[string]any{"client_id": nil}, bearer.ErrClaims},
		{"no token id", map[string]any{"jti": nil}, bearer.ErrClaims},
		{"no session", map[string]any{"sid": nil}, bearer.ErrClaims},
		{"no tenant", map[string]any{"tenant": nil}, bearer.ErrClaims},
		{"no time of issue", map[string]any{"iat": nil}, bearer.ErrClaims},
	}
	for form, header := range forms {
		for _, test := range claims {
			t.Run(form+"/"+test.name, func(t *testing.T) {
				t.Parallel()
				_, err := v.Verify(t.Context(), forge(t, jwt.SigningMethodHS256, []byte(secretA), header, claimMap(now, test.change)))
				if !errors.Is(err, test.want) {
					t.Fatalf("got %v, want %v", err, test.want)
				}
			})
		}
	}
}

func TestVerifyRefusesForgeries(t *testing.T) {
	t.Parallel()
	now := time.Now()
	keys := secrets(t, secretA, "")
	v := &bearer.Verifier{Keys: keys, Issuer: issuer, Audience: audience}
	kid := keys[0].ID
	good, err := keys.Sign(validClaims(now))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), good); err != nil {
		t.Fatalf("our own token: %v", err)
	}
	header, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	rsaKey, publicPEM := rsaPair(t)
	own := map[string]any{"typ": "at+jwt", "kid": kid}
	m := claimMap(now, nil)
	b64 := base64.RawURLEncoding.EncodeToString
	for name, test := range map[string]struct {
		raw  string
		want error
	}{
		"empty":                           {"", bearer.ErrMalformed},
		"two parts":                       {header + "." + payload, bearer.ErrMalformed},
		"four parts":                      {good + ".", bearer.ErrMalformed},
		"too long":                        {strings.Repeat("a", 9000), bearer.ErrMalformed},
		"no base64":                       {"%%." + payload + "." + signature, bearer.ErrMalformed},
		"truncated":                       {good[:len(good)-1], bearer.ErrSignature},
		"one bit of the signature":        {header + "." + payload + "." + flip(signature), bearer.ErrSignature},
		"spare bits of the signature":     {good[:len(good)-1] + next(good[len(good)-1]), bearer.ErrSignature},
		"another payload":                 {header + "." + b64([]byte(`{"sub":"root"}`)) + "." + signature, bearer.ErrSignature},
		"no signature":                    {header + "." + payload + ".", bearer.ErrSignature},
		"alg none":                        {forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, own, m), bearer.ErrAlgorithm},
		"alg none and our signature":      {b64([]byte(`{"alg":"none","kid":"`+kid+`","typ":"at+jwt"}`)) + "." + payload + "." + signature, bearer.ErrAlgorithm},
		"alg unknown":                     {b64([]byte(`{"alg":"XX","kid":"`+kid+`","typ":"at+jwt"}`)) + "." + payload + "." + signature, bearer.ErrAlgorithm},
		"HS512 with the secret":           {forge(t, jwt.SigningMethodHS512, []byte(secretA), own, m), bearer.ErrAlgorithm},
		"RS256":                           {forge(t, jwt.SigningMethodRS256, rsaKey, own, m), bearer.ErrAlgorithm},
		"RS256 public key as HMAC secret": {forge(t, jwt.SigningMethodHS256, publicPEM, own, m), bearer.ErrSignature},
		"unknown kid":                     {forge(t, jwt.SigningMethodHS256, []byte(secretA), map[string]any{"typ": "at+jwt", "kid": "other"}, m), bearer.ErrKey},
		"no kid":                          {forge(t, jwt.SigningMethodHS256, []byte(secretA), map[string]any{"typ": "at+jwt"}, m), bearer.ErrKey},
		"typ JWT":                         {forge(t, jwt.SigningMethodHS256, []byte(secretA), map[string]any{"typ": "JWT", "kid": kid}, m), bearer.ErrType},
		"no typ":                          {forge(t, jwt.SigningMethodHS256, []byte(secretA), map[string]any{"typ": nil, "kid": kid}, m), bearer.ErrType},
		"critical extension":              {forge(t, jwt.SigningMethodHS256, []byte(secretA), map[string]any{"typ": "at+jwt", "kid": kid, "crit": []string{"x"}}, m), bearer.ErrMalformed},
		"repeated claim":                  {signed(t, `{"iss":"https://auth.example","iss":"https://auth.example"}`, kid), bearer.ErrClaims},
		"payload no object":               {signed(t, `[1]`, kid), bearer.ErrClaims},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := v.Verify(t.Context(), test.raw); !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestPreviousSecretStillVerifies(t *testing.T) {
	t.Parallel()
	old := secrets(t, secretB, "")
	raw, err := old.Sign(validClaims(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	both := &bearer.Verifier{Keys: secrets(t, secretA, secretB), Issuer: issuer, Audience: audience}
	if got, err := both.Verify(t.Context(), raw); err != nil || got.Subject != "u1" {
		t.Fatalf("token of the previous secret: %+v, %v", got, err)
	}
	without := &bearer.Verifier{Keys: secrets(t, secretA, ""), Issuer: issuer, Audience: audience}
	if _, err := without.Verify(t.Context(), raw); !errors.Is(err, bearer.ErrKey) {
		t.Fatalf("a withdrawn secret: %v", err)
	}
}

func TestTheIssuerAnswersForEveryAudience(t *testing.T) {
	t.Parallel()
	keys := secrets(t, secretA, "")
	claims := validClaims(time.Now())
	claims.Audience = bearer.Audience{"other"}
	raw, err := keys.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	v := &bearer.Verifier{Keys: keys, Issuer: issuer, AnyAudience: true}
	if got, err := v.Verify(t.Context(), raw); err != nil || !got.Audience.Has("other") {
		t.Fatalf("%+v, %v", got, err)
	}
	v.AnyAudience = false
	if _, err := v.Verify(t.Context(), raw); !errors.Is(err, bearer.ErrAudience) {
		t.Fatalf("no audience at all: %v", err)
	}
}

func TestShortSecretIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := bearer.NewSecrets([]byte(secretA[:31]), nil); err == nil {
		t.Error("31 bytes were taken")
	}
	if _, err := bearer.NewSecrets([]byte(secretA), []byte("short")); err == nil {
		t.Error("a short previous secret was taken")
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	s := bearer.Scopes("resources:read resources:write")
	if !s.Has("resources:read") || !s.Has("resources:write") || s.Has("resources") || s.Has("") || bearer.Scopes("").Has("x") {
		t.Error("Has is wrong")
	}
	if !s.Covers("resources:write") || !s.Covers("") || s.Covers("resources:read admin") {
		t.Error("Covers is wrong")
	}
}

func signed(t *testing.T, payload, kid string) string {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64([]byte(`{"alg":"HS256","kid":"`+kid+`","typ":"at+jwt"}`)) + "." + b64([]byte(payload))
	sig, err := jwt.SigningMethodHS256.Sign(text, []byte(secretA))
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64(sig)
}

func flip(signature string) string { return next(signature[0]) + signature[1:] }

func next(c byte) string {
	if c == 'A' {
		return "B"
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)^1])
}

func rsaPair(t *testing.T) (*rsa.PrivateKey, []byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func enc(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
