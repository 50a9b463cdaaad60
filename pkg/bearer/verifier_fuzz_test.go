package bearer_test

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"tandem.example/pkg/bearer"
)

// FuzzVerify holds both algorithms against golang-jwt: whatever we accept, the
// general library accepts too and reads alike.
func FuzzVerify(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	both := suites(f)
	keys := bearer.KeySet{both[0].key, both[1].key, secrets(f, secretB, "")[0]}
	v := &bearer.Verifier{Keys: keys, Issuer: issuer, Audience: audience, Now: func() time.Time { return now }}
	for n, s := range both {
		good, err := s.key.Sign(validClaims(now))
		if err != nil {
			f.Fatal(err)
		}
		header, rest, _ := strings.Cut(good, ".")
		payload, signature, _ := strings.Cut(rest, ".")
		f.Add(header, payload, signature, -1)
		f.Add(header, payload, "", n)
		f.Add(header, payload, "", 1-n) // under the other's key
		f.Add("eyJhbGciOiJub25lIn0", payload, "", -1)
		f.Add(header, "eyJpc3MiOjF9", "", n)
	}
	f.Fuzz(func(t *testing.T, header, payload, signature string, signer int) {
		if signer >= 0 { // otherwise no mutation would ever get past the signature
			s := both[signer%2]
			sum, err := s.method.Sign(header+"."+payload, s.material)
			if err != nil {
				t.Fatal(err)
			}
			signature = enc(sum)
		}
		raw := header + "." + payload + "." + signature
		got, err := v.Verify(t.Context(), raw)
		var want jwt.MapClaims
		parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256", "EdDSA"}), jwt.WithStrictDecoding(), jwt.WithExpirationRequired(),
			jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithIssuedAt(), jwt.WithLeeway(time.Minute),
			jwt.WithTimeFunc(func() time.Time { return now }))
		_, general := parser.ParseWithClaims(raw, &want, func(token *jwt.Token) (any, error) {
			switch token.Header["kid"] {
			case both[0].key.ID:
				return []byte(secretA), nil
			case both[1].key.ID:
				return both[1].material.(ed25519.PrivateKey).Public(), nil
			default:
				return []byte(secretB), nil
			}
		})
		if err == nil && general != nil {
			t.Fatalf("accepted what golang-jwt refuses: %v", general)
		}
		if err == nil && (got.Subject != want["sub"] || got.ID != want["jti"] || got.SessionID != want["sid"] || got.Tenant != want["tenant"]) {
			t.Fatalf("read %+v, golang-jwt read %v", got, want)
		}
	})
}
