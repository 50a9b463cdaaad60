package clients

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"

	"tandem.example/pkg/env"
)

// secretPrefix lets scanners of source code and logs recognise a secret that got
// where it should not be: tandem_cs_[A-Za-z0-9_-]{43}.
const secretPrefix = "tandem_cs_"

// newSecret makes a secret of 256 random bits.
func newSecret() env.Secret {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	return env.Secret(secretPrefix + base64.RawURLEncoding.EncodeToString(random[:]))
}

// Digest is what is kept of a secret. It is a plain one: a secret that nobody
// could guess cannot be found from it either, and a slow digest would only cost
// time at every token.
func Digest(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
