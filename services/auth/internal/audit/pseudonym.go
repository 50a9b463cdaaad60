package audit

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// Pseudonyms stand for what callers claim to be and nobody knows to be true: a
// name that does not exist may be a password in the wrong field. Equal names
// have equal pseudonyms, so that attempts can be told to belong together, and
// whoever reads the log cannot try names without the key.
type Pseudonyms struct{ key []byte }

// NewPseudonyms derives the key from a secret of the service.
func NewPseudonyms(secret []byte) (*Pseudonyms, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "tandem audit pseudonym", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive audit key: %w", err)
	}
	return &Pseudonyms{key}, nil
}

// Of is the pseudonym of a text; empty for none.
func (p *Pseudonyms) Of(text string) string {
	if text == "" {
		return ""
	}
	h := hmac.New(sha256.New, p.key)
	_, _ = h.Write([]byte(text)) // a hash never fails
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}
