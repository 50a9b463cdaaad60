package httpserver

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// requestID is a UUID in its canonical text form.
type requestID [36]byte

// String makes a string of its own.
func (id *requestID) String() string { return string(id[:]) }

// newRequestID makes a version 7 UUID (RFC 9562 §5.7). An id to find log lines
// by is no secret, so it does without the operating system's randomness.
func newRequestID(now time.Time) requestID {
	var u uuid.UUID
	random, more := rand.Uint64(), rand.Uint64() //nolint:gosec // Not a secret.
	binary.BigEndian.PutUint64(u[:8], uint64(now.UnixMilli())<<16|0x7000|random&0x0fff)
	binary.BigEndian.PutUint64(u[8:], 1<<63|more>>2)
	return formatID(u)
}

// parseRequestID takes a UUID in its canonical form or as 32 digits, the two
// forms that gateways send.
func parseRequestID(given []byte) (requestID, bool) {
	if len(given) != 36 && len(given) != 32 {
		return requestID{}, false
	}
	u, err := uuid.ParseBytes(given)
	if err != nil {
		return requestID{}, false
	}
	return formatID(u), true
}

func formatID(u uuid.UUID) (id requestID) {
	hex.Encode(id[:8], u[:4])
	id[8] = '-'
	hex.Encode(id[9:13], u[4:6])
	id[13] = '-'
	hex.Encode(id[14:18], u[6:8])
	id[18] = '-'
	hex.Encode(id[19:23], u[8:10])
	id[23] = '-'
	hex.Encode(id[24:], u[10:])
	return id
}
