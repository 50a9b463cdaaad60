package bearer

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"hash"
	"sync"
)

const hs256 = "HS256"

// minSecret is the least length of an HMAC key for SHA-256 (RFC 7518 §3.2).
const minSecret = 32

// hmacScheme is HS256.
type hmacScheme struct {
	secret []byte
	macs   sync.Pool
}

// secretKey makes the HS256 key of a secret. The kid is derived one way, so
// every instance with the secret agrees on it and nobody learns from it.
func secretKey(secret []byte) (*Key, error) {
	if len(secret) < minSecret {
		return nil, fmt.Errorf("a signing secret needs at least %d bytes", minSecret)
	}
	id, err := hkdf.Key(sha256.New, secret, nil, "tandem access token key id", 8)
	if err != nil {
		return nil, fmt.Errorf("derive key id: %w", err)
	}
	s := &hmacScheme{secret: secret}
	s.macs.New = func() any { return hmac.New(sha256.New, secret) }
	return newKey(base64.RawURLEncoding.EncodeToString(id), hs256, s), nil
}

func (s *hmacScheme) material() any { return s.secret }

func (s *hmacScheme) verify(text, signature string) bool {
	var mac [43]byte
	return subtle.ConstantTimeCompare(s.mac(&mac, text), bytesOf(signature)) == 1
}

func (s *hmacScheme) sign(text string) (string, bool) {
	var mac [43]byte
	return string(s.mac(&mac, text)), true
}

// mac writes the signature of text into out and returns it.
func (s *hmacScheme) mac(out *[43]byte, text string) []byte {
	var sum [sha256.Size]byte
	h, _ := s.macs.Get().(hash.Hash)
	defer s.macs.Put(h)
	h.Reset()
	_, _ = h.Write(bytesOf(text)) // a hash never fails
	base64.RawURLEncoding.Encode(out[:], h.Sum(sum[:0]))
	return out[:]
}

// NewSecrets makes the HS256 keys: the current one signs, the previous one still
// verifies while its last tokens live. Previous may be empty.
func NewSecrets(current, previous []byte) (KeySet, error) {
	first, err := secretKey(current)
	if err != nil {
		return nil, err
	}
	if len(previous) == 0 {
		return KeySet{first}, nil
	}
	second, err := secretKey(previous)
	if err != nil {
		return nil, err
	}
	return KeySet{first, second}, nil
}
