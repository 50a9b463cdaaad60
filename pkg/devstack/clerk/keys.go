package clerk

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"

	"github.com/golang-jwt/jwt/v5"
)

const keyBits = 2048 // as Clerk's

type key struct {
	id      string
	private *rsa.PrivateKey
}

func newKey(private *rsa.PrivateKey) (key, error) {
	if private == nil {
		var err error
		if private, err = rsa.GenerateKey(rand.Reader, keyBits); err != nil {
			return key{}, fmt.Errorf("make a signing key: %w", err)
		}
	}
	return key{newID("ins"), private}, nil
}

// RotateKeys signs with a new key from now on and withdraws the one before from
// the published set at once. It returns the new key's id.
func (s *Server) RotateKeys() (string, error) {
	k, err := newKey(nil)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signing = k
	return k.id, nil
}

// Sign makes a token of any claims, for tests of those that must be refused.
func (s *Server) Sign(claims map[string]any) (string, error) {
	s.mu.Lock()
	k := s.signing
	s.mu.Unlock()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims(claims))
	token.Header["kid"] = k.id
	return token.SignedString(k.private)
}

type jwk struct {
	Use       string `json:"use"`
	Type      string `json:"kty"`
	ID        string `json:"kid"`
	Algorithm string `json:"alg"`
	Modulus   string `json:"n"`
	Exponent  string `json:"e"`
}

type keySet struct {
	Keys []jwk `json:"keys"`
}

func (s *Server) keySet() keySet {
	s.mu.Lock()
	defer s.mu.Unlock()
	public := s.signing.private.PublicKey
	encode := base64.RawURLEncoding.EncodeToString
	return keySet{[]jwk{{
		Use: "sig", Type: "RSA", ID: s.signing.id, Algorithm: "RS256",
		Modulus: encode(public.N.Bytes()), Exponent: encode(big.NewInt(int64(public.E)).Bytes()),
	}}}
}

// newID looks like Clerk's: a prefix, an underscore and letters and digits.
func newID(prefix string) string { return prefix + "_" + rand.Text() }
