package bearer

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/go-json-experiment/json"
)

// Key signs and verifies, or only verifies, with one algorithm (RFC 8725 §3.1).
// It never changes and is safe for concurrent use.
type Key struct {
	ID        string // the kid; derived from the key, tells nothing about it
	Algorithm string // of RFC 7518 §3.1
	scheme    scheme
	header    string // the one header form this key writes, base64url
}

// scheme is an algorithm with the key material it works on. Signatures are
// base64url, as a token has them.
type scheme interface {
	verify(text, signature string) bool
	// sign returns false where there is only a public key.
	sign(text string) (signature string, ok bool)
	// material is what golang-jwt takes to verify.
	material() any
}

func newKey(id, algorithm string, s scheme) *Key {
	header := `{"alg":"` + algorithm + `","kid":"` + id + `","typ":"at+jwt"}`
	return &Key{id, algorithm, s, base64.RawURLEncoding.EncodeToString([]byte(header))}
}

// Sign writes the token that carries the claims. It returns [ErrNoKey] if the
// key can only verify.
func (k *Key) Sign(c Claims) (string, error) {
	payload, err := json.Marshal(&c)
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	text := k.header + "." + base64.RawURLEncoding.EncodeToString(payload)
	signature, ok := k.scheme.sign(text)
	if !ok {
		return "", ErrNoKey
	}
	return text + "." + signature, nil
}

// Keys finds the key a token names.
type Keys interface {
	// ByHeader finds, among the keys at hand, the one that wrote exactly this
	// header segment. It asks nobody and returns nil if there is none.
	ByHeader(segment string) *Key
	// ByID finds the key with this kid. It may ask whoever publishes keys. It
	// returns [ErrKey], or a 503 if they cannot be had.
	ByID(ctx context.Context, kid string) (*Key, error)
}

// Signer has the key that signs now.
type Signer interface {
	// Signing returns [ErrNoKey] while there is none.
	Signing() (*Key, error)
}
