package idempotency

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Request is what a request with a key is known by. The zero Request has none,
// and whatever is done for it is done each time.
//
// It holds digests only: neither the key nor whose it is can be read from what is
// stored.
type Request struct {
	// Key is unique for each tenant, principal and key; empty if there is none.
	Key []byte
	// Asked is of all that the request asked for.
	Asked []byte
}

// New is a request of a principal that carries a key and asks for what the parts
// say.
func New(tenant, principal, key string, parts ...[]byte) Request {
	return Request{Key: digest([]byte(tenant), []byte(principal), []byte(key)), Asked: digest(parts...)}
}

// Keyed tells whether there is a key.
func (r Request) Keyed() bool { return len(r.Key) > 0 }

// String names the key in Redis.
func (r Request) String() string { return hex.EncodeToString(r.Key) }

// digest tells any two lists of parts apart: each goes in with its length.
func digest(parts ...[]byte) []byte {
	h := sha256.New()
	for _, part := range parts {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])
		h.Write(part)
	}
	return h.Sum(nil)
}
