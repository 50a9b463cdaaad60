package bearer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"tandem.example/pkg/bearer"
)

// FuzzVerify holds the short way against golang-jwt: whatever it accepts, the
// general library accepts too and reads alike, and the other way round for the
// header form that our signer writes.
func FuzzVerify(f *testing.F) {
	keys := secrets(f, secretA, secretB)
	now := time.Unix(1_800_000_000, 0)
	v := &bearer.Verifier{Keys: keys, Issuer: issuer, Audience: audience, Now: func() time.Time { return now }}
	good, err := keys.Sign(validClaims(now))
	if err != nil {
		f.Fatal(err)
	}
	header, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	f.Add(header, payload, signature, false)
	f.Add(header, payload, "", true)
	f.Add("eyJhbGciOiJub25lIn0", payload, "", false)
	f.Add(header, "eyJpc3MiOjF9", "", true)
	f.Fuzz(func(t *testing.T, header, payload, signature string, sign bool) {
		if sign { // otherwise no mutation would ever get past the signature
			mac, err := jwt.SigningMethodHS256.Sign(header+"."+payload, []byte(secretA))
			if err != nil {
				t.Fatal(err)
			}
			signature = enc(mac)
		}
		raw := header + "." + payload + "." + signature
		got, err := v.Verify(t.Context(), raw)
		var want jwt.MapClaims
		parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithStrictDecoding(), jwt.WithExpirationRequired(),
			jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithIssuedAt(), jwt.WithLeeway(time.Minute),
			jwt.WithTimeFunc(func() time.Time { return now }))
		_, general := parser.ParseWithClaims(raw, &want, func(token *jwt.Token) (any, error) {
			if token.Header["kid"] == keys[1].ID {
				return []byte(secretB), nil
			}
			return []byte(secretA), nil
		})
		if err == nil && general != nil {
			t.Fatalf("accepted what golang-jwt refuses: %v", general)
		}
		if err == nil && (got.Subject != want["sub"] || got.ID != want["jti"] || got.SessionID != want["sid"] || got.Tenant != want["tenant"]) {
			t.Fatalf("read %+v, golang-jwt read %v", got, want)
		}
	})
}
