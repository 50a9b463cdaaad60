package users

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// The cost of one hash: 19 MiB and some 30 ms (OWASP's minimum for argon2id).
const (
	memoryKiB = 19456
	rounds    = 2
	lanes     = 1
	saltSize  = 16
	hashSize  = 32
)

// queueFactor is how many logins may wait for each that is being hashed.
const queueFactor = 32

// tidyAfter bounds how often memory is given back, which costs a collection.
const tidyAfter = 5 * time.Second

var errHashForm = errors.New("not an argon2id hash of a known form")

// Hasher hashes passwords, no more at a time than there are processors. It is
// safe for concurrent use.
type Hasher struct {
	slots   chan struct{}
	waiting atomic.Int64
	tidying atomic.Bool
	dummy   string // a hash without a password: checking against it costs the same
}

// NewHasher makes a pool.
func NewHasher() *Hasher {
	random := make([]byte, saltSize+hashSize)
	_, _ = rand.Read(random) // never fails
	none := params{memory: memoryKiB, time: rounds, lanes: lanes, salt: random[:saltSize], sum: random[saltSize:]}
	return &Hasher{slots: make(chan struct{}, runtime.GOMAXPROCS(0)), dummy: none.String()}
}

// acquire waits for a slot. It returns ErrBusy when too many wait already.
func (h *Hasher) acquire(ctx context.Context) error {
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > int64(queueFactor*cap(h.slots)) {
		return ErrBusy
	}
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ErrBusy.Because(ctx.Err())
	}
}

// release leaves the slot. After a burst the memory goes back to the system: by
// itself the runtime would keep three times a hash's for minutes.
func (h *Hasher) release() {
	<-h.slots
	if len(h.slots) == 0 && h.tidying.CompareAndSwap(false, true) {
		time.AfterFunc(tidyAfter, func() {
			h.tidying.Store(false)
			debug.FreeOSMemory()
		})
	}
}

// Hash returns the PHC string of a password. It returns [ErrBusy] when the pool
// is full.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if err := h.acquire(ctx); err != nil {
		return "", err
	}
	defer h.release()
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	p := params{memory: memoryKiB, time: rounds, lanes: lanes, salt: salt}
	p.sum = p.hash(password)
	return p.String(), nil
}

// Check tells whether a password has this PHC string. It returns [ErrBusy] when
// the pool is full.
func (h *Hasher) Check(ctx context.Context, phc, password string) (bool, error) {
	p, err := parsePHC(phc)
	if err != nil {
		return false, err
	}
	if err := h.acquire(ctx); err != nil {
		return false, err
	}
	defer h.release()
	return subtle.ConstantTimeCompare(p.hash(password), p.sum) == 1, nil
}

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
