package bearer

import (
	"context"
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// benchKeys are one key of each algorithm.
func benchKeys(b *testing.B) KeySet {
	b.Helper()
	keys, err := NewSecrets([]byte("0123456789abcdef0123456789abcdef"), nil)
	if err != nil {
		b.Fatal(err)
	}
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	return append(keys, NewPrivateKey(private))
}

// bench measures one way to check a token, for each algorithm.
func bench(b *testing.B, check func(ctx context.Context, v *Verifier, raw string) error) {
	b.Helper()
	for _, key := range benchKeys(b) {
		b.Run(key.Algorithm, func(b *testing.B) {
			raw, err := key.Sign(benchClaims())
			if err != nil {
				b.Fatal(err)
			}
			v := &Verifier{Keys: &Keyring{Secrets: KeySet{key}}, Issuer: "https://auth.example", Audience: "tandem"}
			b.ReportAllocs()
			for b.Loop() {
				if err := check(b.Context(), v, raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func benchClaims() Claims {
	return Claims{
		Issuer: "https://auth.example", Audience: Audience{"tandem"}, Subject: "0192d1f0-5f6f-7a00-8000-000000000001",
		ClientID: "web", ID: "0192d1f0-5f6f-7a00-8000-000000000002", SessionID: "0192d1f0-5f6f-7a00-8000-000000000003",
		Tenant: "0192d1f0-5f6f-7a00-8000-000000000001", Scopes: "resources:read resources:write", Roles: []string{"member"},
		IssuedAt: time.Now().Unix(), Expires: time.Now().Unix() + 600,
	}
}

func BenchmarkVerify(b *testing.B) {
	bench(b, func(ctx context.Context, v *Verifier, raw string) error {
		_, err := v.Verify(ctx, raw)
		return err
	})
}

func BenchmarkVerifyGeneral(b *testing.B) {
	bench(b, func(ctx context.Context, v *Verifier, raw string) error {
		_, err := v.openAny(ctx, raw)
		return err
	})
}

func BenchmarkGolangJWT(b *testing.B) {
	bench(b, func(ctx context.Context, v *Verifier, raw string) error {
		parser := jwt.NewParser(jwt.WithValidMethods([]string{hs256, edDSA}), jwt.WithIssuer(v.Issuer), jwt.WithAudience(v.Audience), jwt.WithExpirationRequired())
		_, err := parser.Parse(raw, func(token *jwt.Token) (any, error) { return v.keyOf(ctx, token) })
		return err
	})
}

// BenchmarkEd25519 is the signature alone, which is most of what EdDSA costs.
func BenchmarkEd25519(b *testing.B) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	text := make([]byte, 500)
	signature := ed25519.Sign(private, text)
	for b.Loop() {
		if !ed25519.Verify(public, text, signature) {
			b.Fatal("refused")
		}
	}
}

func BenchmarkSign(b *testing.B) {
	for _, key := range benchKeys(b) {
		b.Run(key.Algorithm, func(b *testing.B) {
			claims := benchClaims()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := key.Sign(claims); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
