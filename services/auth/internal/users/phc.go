package users

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// The cost of one hash: 19 MiB and some 30 ms (OWASP's minimum for argon2id).
// Hashes of another cost are replaced when their owners sign in.
const (
	memoryKiB = 19456
	rounds    = 2
	lanes     = 1
	saltSize  = 16
	hashSize  = 32
)

var errHashForm = errors.New("not an argon2id hash of a known form")

// params is a PHC string taken apart.
type params struct {
	memory, time uint32
	lanes        uint8
	salt, sum    []byte
}

// hash makes composed and decomposed letters one, as keyboards differ in them.
func (p *params) hash(password string) []byte {
	return argon2.IDKey(norm.NFC.Bytes([]byte(password)), p.salt, p.time, p.memory, p.lanes, hashSize)
}

// String is the PHC form.
func (p *params) String() string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.time, p.lanes, b64(p.salt), b64(p.sum))
}

// outdated tells whether hashes are made otherwise now.
func (p *params) outdated() bool {
	return p.memory != memoryKiB || p.time != rounds || p.lanes != lanes || len(p.salt) != saltSize
}

func parsePHC(s string) (*params, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return nil, errHashForm
	}
	var p params
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.lanes); err != nil {
		return nil, errHashForm
	}
	var err error
	if p.salt, err = base64.RawStdEncoding.Strict().DecodeString(parts[4]); err != nil {
		return nil, errHashForm
	}
	if p.sum, err = base64.RawStdEncoding.Strict().DecodeString(parts[5]); err != nil || len(p.sum) != hashSize {
		return nil, errHashForm
	}
	// What is read from the database decides how much memory is taken.
	if p.memory < 8 || p.memory > 4*memoryKiB || p.time < 1 || p.time > 16 || p.lanes < 1 || p.lanes > 4 {
		return nil, errHashForm
	}
	return &p, nil
}
