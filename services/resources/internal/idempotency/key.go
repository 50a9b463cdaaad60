package idempotency

import (
	"strings"

	"tandem.example/pkg/fault"
)

// ErrInvalidKey is a key that nobody could tell from another, or too long.
var ErrInvalidKey = fault.New(fault.Invalid, "invalid_idempotency_key",
	`Idempotency-Key must be one string of 1 to 255 visible ASCII characters, in double quotes or bare`)

const maxKey = 255

// parseKey reads the header field's value: a string of RFC 8941 §3.3.3, as the
// IETF's draft asks for, or the same characters bare, as most clients send them.
// Both spell the same key. Bare, it has none of the characters that would make it
// a list, a string or something with parameters.
func parseKey(value string) (string, error) {
	key, quoted := strings.CutPrefix(value, `"`)
	if quoted {
		var ok bool
		if key, ok = unquote(key); !ok {
			return "", ErrInvalidKey
		}
	}
	if key == "" || len(key) > maxKey {
		return "", ErrInvalidKey
	}
	for _, c := range []byte(key) {
		if c < ' ' || c > '~' || !quoted && strings.IndexByte(` ",;\`, c) >= 0 {
			return "", ErrInvalidKey
		}
	}
	return key, nil
}

// unquote reads what follows the opening quote. Nothing may follow the closing
// one: no parameters are defined.
func unquote(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), i == len(s)-1
		case '\\':
			if i++; i == len(s) || s[i] != '"' && s[i] != '\\' {
				return "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", false
}
