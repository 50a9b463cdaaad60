package bearer

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"sync"
)

// minSecret is the least length of an HMAC key for SHA-256 (RFC 7518 §3.2).
const minSecret = 32

// Key signs and verifies. It never changes and is safe for concurrent use.
type Key struct {
	ID        string // the kid; derived from the key, tells nothing about it
	Algorithm string // of RFC 7518 §3.1
	material  any    // what golang-jwt takes to verify
	header    string // the one header form this key writes, base64url
	macs      sync.Pool
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
	k := &Key{ID: base64.RawURLEncoding.EncodeToString(id), Algorithm: "HS256", material: secret}
	k.header = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"` + k.ID + `","typ":"at+jwt"}`))
	k.macs.New = func() any { return hmac.New(sha256.New, secret) }
	return k, nil
}

// mac writes the base64url signature of text into out and returns it.
func (k *Key) mac(out *[43]byte, text string) []byte {
	var sum [sha256.Size]byte
	h, _ := k.macs.Get().(hash.Hash)
	defer k.macs.Put(h)
	h.Reset()
	_, _ = h.Write(bytesOf(text)) // a hash never fails
	base64.RawURLEncoding.Encode(out[:], h.Sum(sum[:0]))
	return out[:]
}

// sign writes the token that carries payload.
func (k *Key) sign(payload []byte) string {
	var mac [43]byte
	text := k.header + "." + base64.RawURLEncoding.EncodeToString(payload)
	return text + "." + string(k.mac(&mac, text))
}

// Keys finds the key a token names. Both methods give nil for an unknown one.
type Keys interface {
	// ByHeader finds the key that wrote exactly this header segment.
	ByHeader(segment string) *Key
	// ByID finds the key with this kid.
	ByID(kid string) *Key
}

// Secrets are the HS256 keys: the current one signs, the previous one still
// verifies while its last tokens live.
type Secrets []*Key

// NewSecrets makes the set; previous may be empty.
func NewSecrets(current, previous []byte) (Secrets, error) {
	first, err := secretKey(current)
	if err != nil {
		return nil, err
	}
	if len(previous) == 0 {
		return Secrets{first}, nil
	}
	second, err := secretKey(previous)
	if err != nil {
		return nil, err
	}
	return Secrets{first, second}, nil
}

// ByHeader implements [Keys].
func (s Secrets) ByHeader(segment string) *Key {
	for _, k := range s {
		if k.header == segment {
			return k
		}
	}
	return nil
}

// ByID implements [Keys].
func (s Secrets) ByID(kid string) *Key {
	for _, k := range s {
		if k.ID == kid {
			return k
		}
	}
	return nil
}
