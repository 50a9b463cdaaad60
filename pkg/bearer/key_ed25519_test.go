package bearer_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"tandem.example/pkg/bearer"
)

// The key and its thumbprint are those of RFC 8037, appendix A.1 to A.3.
func TestTheKeyIDIsTheThumbprint(t *testing.T) {
	t.Parallel()
	seed, err := hex.DecodeString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
	if err != nil {
		t.Fatal(err)
	}
	key := bearer.NewPrivateKey(ed25519.NewKeyFromSeed(seed))
	if key.ID != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" || key.Algorithm != "EdDSA" {
		t.Fatalf("%s %s", key.ID, key.Algorithm)
	}
}

func TestAPublicKeyOnlyVerifies(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer := bearer.NewPrivateKey(private)
	raw, err := signer.Sign(validClaims(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	half := bearer.NewPublicKey(signer.ID, public)
	v := &bearer.Verifier{Keys: bearer.KeySet{half}, Issuer: issuer, Audience: audience}
	if got, err := v.Verify(t.Context(), raw); err != nil || got.Subject != "u1" {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := half.Sign(validClaims(time.Now())); !errors.Is(err, bearer.ErrNoKey) {
		t.Fatalf("signed with a public key: %v", err)
	}
}
