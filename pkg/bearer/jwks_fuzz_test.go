package bearer

import (
	"bytes"
	"crypto/ed25519"
	"testing"
)

// FuzzKeySet: whatever a publisher writes, only whole public Ed25519 keys come of
// it, and what is read is what would be written.
func FuzzKeySet(f *testing.F) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		f.Fatal(err)
	}
	good, err := KeySet{NewPrivateKey(private)}.JWKS()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AA","kid":"a","alg":"HS256","use":"sig"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA","kid":"a","alg":"EdDSA","use":"sig","d":"AA"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := parseJWKS(text)
		if err != nil {
			return
		}
		for n, k := range set {
			public, ok := k.scheme.material().(ed25519.PublicKey)
			if !ok || len(public) != ed25519.PublicKeySize || k.Algorithm != edDSA || set[:n].Has(k.ID) {
				t.Fatalf("%+v", k)
			}
			if _, ok := k.scheme.sign("x"); ok {
				t.Fatal("it signs")
			}
		}
		once, err := set.JWKS()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseJWKS(once)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := again.JWKS(); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%s, then %s (%v)", once, twice, err)
		}
	})
}
