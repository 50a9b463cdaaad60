package bearer

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
)

// jwk is a public key as RFC 7517 and RFC 8037 §2 write it. There is no member
// for the private half.
type jwk struct {
	Type      string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	ID        string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	Private   string `json:"d,omitzero"` // only ever read, and then refused
}

type jwks struct {
	Keys []jwk `json:"keys"`
}

// JWKS is the document that publishes the keys of the set which have a public
// half (RFC 7517 §5). Secrets are never in it.
func (s KeySet) JWKS() ([]byte, error) {
	set := jwks{Keys: []jwk{}}
	for _, k := range s {
		if public, ok := k.scheme.material().(ed25519.PublicKey); ok {
			x := base64.RawURLEncoding.EncodeToString(public)
			set.Keys = append(set.Keys, jwk{Type: "OKP", Curve: "Ed25519", X: x, ID: k.ID, Use: "sig", Algorithm: k.Algorithm})
		}
	}
	return json.Marshal(set)
}

// maxKeys bounds what a publisher can make us look through.
const maxKeys = 64

var errKeySet = errors.New("the key set is not usable")

// parseJWKS reads such a document. Keys that are for something else, or not
// public, are left out (RFC 7517 §5): whatever the document says, only Ed25519
// keys verify, and only EdDSA signatures (RFC 8725 §3.1). Of two keys with one
// id neither is meant for sure.
func parseJWKS(text []byte) (KeySet, error) {
	var doc jwks
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("%w: no JSON of that form", errKeySet)
	}
	if doc.Keys == nil || len(doc.Keys) > maxKeys {
		return nil, fmt.Errorf("%w: no keys or too many", errKeySet)
	}
	var set KeySet
	for _, k := range doc.Keys {
		public, ok := k.usable()
		if !ok {
			continue
		}
		if set.Has(k.ID) {
			return nil, fmt.Errorf("%w: two keys have one id", errKeySet)
		}
		set = append(set, NewPublicKey(k.ID, public))
	}
	return set, nil
}

func (k jwk) usable() (ed25519.PublicKey, bool) {
	if k.Type != "OKP" || k.Curve != "Ed25519" || k.Algorithm != edDSA || k.Use != "sig" || k.Private != "" || !plainID(k.ID) {
		return nil, false
	}
	public, err := strict.DecodeString(k.X)
	return public, err == nil && len(public) == ed25519.PublicKeySize
}

// plainID keeps an id usable inside of the header that is written from it.
func plainID(id string) bool {
	for _, c := range []byte(id) {
		if c < '!' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return id != "" && len(id) <= 128
}
