package sessions

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"
	"time"

	"github.com/google/uuid"
)

// A refresh token is the base64url form of
//
//	version(1) session(16) generation(4) end(4) secret(32) len subject len client mac(16)
//
// The subject leads to the Redis slot. The MAC keeps everybody but us from
// making tokens that reach Redis at all, so that garbage cannot end a session.
const (
	refreshVersion = 1
	secretSize     = 32
	macSize        = 16
	fixedSize      = 1 + 16 + 4 + 4 + secretSize
	maxName        = 128 // of a subject or client id
	maxRefresh     = 512
)

// refresh is a parsed refresh token whose MAC was right.
type refresh struct {
	session    uuid.UUID
	generation uint32
	end        time.Time // of the session, at the latest; to the second
	secret     [secretSize]byte
	subject    string
	client     string
	key        *refreshKey // that made the MAC, and makes the successor
}

// refreshKey is one of the server's keys, derived from a signing secret.
type refreshKey struct{ mac, next *hashes }

// hashes keeps what a key makes of an empty text, so that it is made once.
type hashes struct{ idle sync.Pool }

func newHashes(key []byte) *hashes {
	return &hashes{sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// sum appends the HMAC of a text to out.
func (k *hashes) sum(out, text []byte) []byte {
	h, _ := k.idle.Get().(hash.Hash) // nothing else is in it
	defer k.idle.Put(h)
	h.Reset()
	_, _ = h.Write(text) // a hash never fails
	return h.Sum(out)
}

// Refresher makes and reads refresh tokens: with the current key it does both,
// with the previous one it reads.
type Refresher struct{ keys []refreshKey }

// NewRefresher derives the keys from the signing secrets; previous may be empty.
func NewRefresher(current, previous []byte) (*Refresher, error) {
	var r Refresher
	for _, secret := range [][]byte{current, previous} {
		if len(secret) == 0 {
			continue
		}
		mac, err := hkdf.Key(sha256.New, secret, nil, "tandem refresh token mac", sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("derive refresh key: %w", err)
		}
		next, err := hkdf.Key(sha256.New, secret, nil, "tandem refresh token successor", sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("derive refresh key: %w", err)
		}
		r.keys = append(r.keys, refreshKey{newHashes(mac), newHashes(next)})
	}
	return &r, nil
}

// digest is what Redis keeps of a secret.
func (t *refresh) digest() []byte {
	sum := sha256.Sum256(t.secret[:])
	return sum[:]
}

// successor follows from the token and the key that authenticated it, so every
// instance derives the same one and none has to store it.
func (t *refresh) successor() refresh {
	next := *t
	next.generation++
	t.key.next.sum(next.secret[:0], binary.BigEndian.AppendUint32(t.secret[:], next.generation))
	return next
}

func (r *Refresher) encode(t *refresh) string {
	out := make([]byte, 0, fixedSize+2+len(t.subject)+len(t.client)+macSize)
	out = append(out, refreshVersion)
	out = append(out, t.session[:]...)
	out = binary.BigEndian.AppendUint32(out, t.generation)
	out = binary.BigEndian.AppendUint32(out, uint32(t.end.Unix()))
	out = append(out, t.secret[:]...)
	out = append(append(out, byte(len(t.subject))), t.subject...)
	out = append(append(out, byte(len(t.client))), t.client...)
	out = append(out, r.keys[0].tag(out)...)
	return base64.RawURLEncoding.EncodeToString(out)
}

func (k *refreshKey) tag(text []byte) []byte {
	return k.mac.sum(nil, text)[:macSize]
}

// parse returns ErrMalformed for everything that we did not make.
func (r *Refresher) parse(raw string) (refresh, error) {
	if len(raw) > maxRefresh {
		return refresh{}, ErrMalformed
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(raw)
	if err != nil || len(text) < fixedSize+2+macSize || text[0] != refreshVersion {
		return refresh{}, ErrMalformed
	}
	body, tag := text[:len(text)-macSize], text[len(text)-macSize:]
	var t refresh
	for i := range r.keys {
		if subtle.ConstantTimeCompare(r.keys[i].tag(body), tag) == 1 {
			t.key = &r.keys[i]
			break
		}
	}
	if t.key == nil {
		return refresh{}, ErrMalformed
	}
	copy(t.session[:], body[1:17])
	t.generation = binary.BigEndian.Uint32(body[17:21])
	t.end = time.Unix(int64(binary.BigEndian.Uint32(body[21:25])), 0)
	copy(t.secret[:], body[25:fixedSize])
	rest := body[fixedSize:]
	if t.subject, rest, err = name(rest); err == nil {
		t.client, rest, err = name(rest)
	}
	if err != nil || len(rest) != 0 {
		return refresh{}, ErrMalformed
	}
	return t, nil
}

func name(b []byte) (string, []byte, error) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return "", nil, ErrMalformed
	}
	n := 1 + int(b[0])
	return string(b[1:n]), b[n:], nil
}
