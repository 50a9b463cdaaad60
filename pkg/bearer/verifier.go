package bearer

import (
	"crypto/subtle"
	"encoding/base64"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// maxToken bounds what is looked at; our own tokens have some 600 bytes.
const maxToken = 8 << 10

// Verifier tells whether a token was issued to be used here and now. It is
// local: whether the token has been revoked since is [Status]'s question.
type Verifier struct {
	Keys     Keys
	Issuer   string
	Audience string
	// AnyAudience is for the issuer, who answers for tokens of every audience.
	AnyAudience bool
	Now         func() time.Time // nil: time.Now
}

// Verify returns the claims of a valid token. They share no memory with raw.
// It returns one of the 401 faults of this package.
func (v *Verifier) Verify(raw string) (Claims, error) {
	claims, err := v.open(raw)
	if err != nil {
		return Claims{}, err
	}
	if err := claims.check(v); err != nil {
		return Claims{}, err
	}
	return claims, nil
}

// Ours tells whether the token has the header that our signer writes, in which
// case nobody else needs to be asked about it.
func (v *Verifier) Ours(raw string) bool {
	header, _, _ := strings.Cut(raw, ".")
	return v.Keys.ByHeader(header) != nil
}

func (v *Verifier) now() time.Time {
	if v.Now != nil {
		return v.Now()
	}
	return time.Now()
}

// open checks the signature. Our signer writes one header form per key, so a
// known header settles type, algorithm and key at once; anything else takes the
// general way.
func (v *Verifier) open(raw string) (Claims, error) {
	if len(raw) > maxToken {
		return Claims{}, ErrMalformed
	}
	header, rest, _ := strings.Cut(raw, ".")
	payload, signature, ok := strings.Cut(rest, ".")
	if !ok || strings.Contains(signature, ".") {
		return Claims{}, ErrMalformed
	}
	key := v.Keys.ByHeader(header)
	if key == nil {
		return v.openAny(raw)
	}
	var mac [43]byte
	signed := raw[:len(header)+1+len(payload)]
	if subtle.ConstantTimeCompare(key.mac(&mac, signed), bytesOf(signature)) != 1 {
		return Claims{}, ErrSignature
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(payload)
	if err != nil {
		return Claims{}, ErrMalformed
	}
	return decode(text)
}

// decode reads a payload. Members this version does not know are allowed: an
// issuer one version ahead may write them.
func decode(text []byte) (Claims, error) {
	var c Claims
	if err := json.Unmarshal(text, &c); err != nil {
		return Claims{}, ErrClaims
	}
	return c, nil
}
