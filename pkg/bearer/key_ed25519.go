package bearer

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
)

const edDSA = "EdDSA"

// edScheme is EdDSA with Ed25519 (RFC 8037); private is nil where keys only
// verify.
type edScheme struct {
	public  ed25519.PublicKey
	private ed25519.PrivateKey
}

// NewPrivateKey makes an EdDSA key that signs; its kid is the thumbprint of its
// public half (RFC 7638).
func NewPrivateKey(private ed25519.PrivateKey) *Key {
	public, _ := private.Public().(ed25519.PublicKey) // always is one
	return newKey(thumbprint(public), edDSA, edScheme{public, private})
}

// NewPublicKey makes an EdDSA key that verifies, under the kid that its publisher
// gave it.
func NewPublicKey(id string, public ed25519.PublicKey) *Key {
	return newKey(id, edDSA, edScheme{public: public})
}

// thumbprint is that of RFC 7638 §3, with the members of RFC 8037 §2.
func thumbprint(public ed25519.PublicKey) string {
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (s edScheme) material() any { return s.public }

func (s edScheme) verify(text, signature string) bool {
	var raw [ed25519.SignatureSize]byte
	if base64.RawURLEncoding.DecodedLen(len(signature)) != len(raw) {
		return false
	}
	n, err := strict.Decode(raw[:], bytesOf(signature))
	return err == nil && n == len(raw) && ed25519.Verify(s.public, bytesOf(text), raw[:])
}

func (s edScheme) sign(text string) (string, bool) {
	if s.private == nil {
		return "", false
	}
	return base64.RawURLEncoding.EncodeToString(ed25519.Sign(s.private, []byte(text))), true
}
