package bearer

import (
	"context"
	"slices"
)

// KeySet is keys that stay what they are: all verify, the first signs.
type KeySet []*Key

// Signing implements [Signer].
func (s KeySet) Signing() (*Key, error) {
	if len(s) == 0 {
		return nil, ErrNoKey
	}
	return s[0], nil
}

// Sign writes a token with the first key.
func (s KeySet) Sign(c Claims) (string, error) {
	key, err := s.Signing()
	if err != nil {
		return "", err
	}
	return key.Sign(c)
}

// Has tells whether a key of the set has this id.
func (s KeySet) Has(kid string) bool {
	return slices.ContainsFunc(s, func(k *Key) bool { return k.ID == kid })
}

// ByHeader implements [Keys].
func (s KeySet) ByHeader(segment string) *Key {
	for _, k := range s {
		if k.header == segment {
			return k
		}
	}
	return nil
}

// ByID implements [Keys].
func (s KeySet) ByID(_ context.Context, kid string) (*Key, error) {
	for _, k := range s {
		if k.ID == kid {
			return k, nil
		}
	}
	return nil, ErrKey
}
