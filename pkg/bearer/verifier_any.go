package bearer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unsafe"

	"github.com/golang-jwt/jwt/v5"

	"tandem.example/pkg/fault"
)

// openAny reads a token of any header form with golang-jwt.
func (v *Verifier) openAny(ctx context.Context, raw string) (Claims, error) {
	var payload carried
	algorithms := []string{hs256, edDSA} // of all keys; keyOf then demands the key's own
	parser := jwt.NewParser(jwt.WithValidMethods(algorithms), jwt.WithoutClaimsValidation(), jwt.WithStrictDecoding())
	token, err := parser.ParseWithClaims(strings.Clone(raw), &payload, func(token *jwt.Token) (any, error) {
		return v.keyOf(ctx, token)
	})
	if err == nil {
		return payload.claims, nil
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Unavailable {
		return Claims{}, f
	}
	for _, known := range [...]error{ErrMalformed, ErrType, ErrKey, ErrAlgorithm, ErrClaims} {
		if errors.Is(err, known) {
			return Claims{}, known
		}
	}
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return Claims{}, ErrMalformed
	case token == nil || token.Method == nil || !slices.Contains(algorithms, token.Method.Alg()):
		return Claims{}, ErrAlgorithm
	default:
		return Claims{}, ErrSignature
	}
}

// keyOf reads the header: it must say that this is an access token, and name a
// key of the very algorithm it uses, so that a public key never is an HMAC
// secret (RFC 8725 §3.1, §3.11). Nothing else of it is looked at: a key that it
// carries or leads to (jwk, jku, x5c, x5u) is not ours.
func (v *Verifier) keyOf(ctx context.Context, token *jwt.Token) (any, error) {
	if _, critical := token.Header["crit"]; critical {
		return nil, ErrMalformed // RFC 7515 §4.1.11: what is not understood is refused
	}
	typ, _ := token.Header["typ"].(string)
	if !strings.EqualFold(strings.TrimPrefix(strings.ToLower(typ), "application/"), "at+jwt") {
		return nil, ErrType
	}
	kid, _ := token.Header["kid"].(string)
	key, err := v.Keys.ByID(ctx, kid)
	if err != nil {
		return nil, err
	}
	if key.Algorithm != token.Method.Alg() {
		return nil, ErrAlgorithm
	}
	return key.scheme.material(), nil
}

// carried lets golang-jwt fill our claims; checking them is ours.
type carried struct {
	jwt.RegisteredClaims

	claims Claims
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *carried) UnmarshalJSON(text []byte) (err error) {
	c.claims, err = decode(text)
	return err
}

// bytesOf reads a string's bytes without a copy. They must not be written to.
func bytesOf(s string) []byte {
	return unsafe.Slice(unsafe.StringData(s), len(s)) //nolint:gosec // read only, and s outlives the use
}
