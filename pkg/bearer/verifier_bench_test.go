package bearer

import (
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func benchToken(b *testing.B) (*Verifier, string) {
	b.Helper()
	keys, err := NewSecrets([]byte("0123456789abcdef0123456789abcdef"), nil)
	if err != nil {
		b.Fatal(err)
	}
	raw, err := keys.Sign(Claims{
		Issuer: "https://auth.example", Audience: Audience{"tandem"}, Subject: "0192d1f0-5f6f-7a00-8000-000000000001",
		ClientID: "web", ID: "0192d1f0-5f6f-7a00-8000-000000000002", SessionID: "0192d1f0-5f6f-7a00-8000-000000000003",
		Tenant: "0192d1f0-5f6f-7a00-8000-000000000001", Scopes: "resources:read resources:write", Roles: []string{"member"},
		IssuedAt: time.Now().Unix(), Expires: time.Now().Unix() + 600,
	})
	if err != nil {
		b.Fatal(err)
	}
	return &Verifier{Keys: keys, Issuer: "https://auth.example", Audience: "tandem"}, raw
}

func BenchmarkVerify(b *testing.B) {
	v, raw := benchToken(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyGeneral(b *testing.B) {
	v, raw := benchToken(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.openAny(b.Context(), raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGolangJWT(b *testing.B) {
	v, raw := benchToken(b)
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(v.Issuer), jwt.WithAudience(v.Audience), jwt.WithExpirationRequired())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parser.Parse(raw, func(token *jwt.Token) (any, error) { return v.keyOf(b.Context(), token) }); err != nil {
			b.Fatal(err)
		}
	}
}
