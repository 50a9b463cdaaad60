package clients

import "crypto/sha256"

// Digest is what is kept of a secret. It is a plain one: a secret that nobody
// could guess cannot be found from it either, and a slow digest would only cost
// time at every token.
func Digest(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
