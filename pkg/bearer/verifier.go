package bearer

import (
	"context"
	"encoding/base64"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// maxToken bounds what is looked at; our own tokens have some 600 bytes.
const maxToken = 8 << 10

// strict refuses the spare bits that would give one token several forms.
//
//nolint:gochecknoglobals // an encoding has no state
var strict = base64.RawURLEncoding.Strict()

// Verifier tells whether a token was issued to be used here and now. Whether it
// has been revoked since is the question of [Live] and of the [Guard].
type Verifier struct {
	Keys     Keys
	Issuer   string
	Audience string
	// AnyAudience is for the issuer, who answers for tokens of every audience.
	AnyAudience bool
	// Late is how long after its expiry a token still counts: nothing, but for
	// whoever ends tokens, since others' clocks may run behind.
	Late time.Duration
	Now  func() time.Time // nil: time.Now
}

// Verify returns the claims of a valid token. They share no memory with raw. It
// asks nobody but, for a key that is not at hand, whoever publishes the keys.
// It returns one of the 401 faults of this package, or a 503 when the keys
// cannot be had.
func (v *Verifier) Verify(ctx context.Context, raw string) (Claims, error) {
	claims, err := v.open(ctx, raw)
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
func (v *Verifier) open(ctx context.Context, raw string) (Claims, error) {
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
		return v.openAny(ctx, raw)
	}
	if !key.scheme.verify(raw[:len(header)+1+len(payload)], signature) {
		return Claims{}, ErrSignature
	}
	text, err := strict.DecodeString(payload)
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
