package devstack

import (
	"context"
	"crypto/rand"
	"crypto/rsa"

	"tandem.example/pkg/devstack/clerk"
)

// AuthorizedParty is the azp of the stand-in's tokens, which services must allow.
const AuthorizedParty = "https://app.tandem.example"

// startClerk starts the stand-in inside of this process. The key may be shared:
// making one takes longer than everything else.
func (s *Stack) startClerk(ctx context.Context, key *rsa.PrivateKey) (err error) {
	s.Clerk, err = clerk.Start(ctx, clerk.Options{
		CertFile: s.CertFile, KeyFile: s.KeyFile,
		SecretKey: "sk_test_" + secret() + secret(), AuthorizedParty: AuthorizedParty, Key: key,
	})
	if err != nil {
		return err
	}
	s.ClerkURL, s.ClerkIssuer = s.Clerk.URL(), s.Clerk.Issuer()
	return nil
}

func clerkKey() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }
