package clerksession

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/clerk"
	"tandem.example/pkg/env"
	"tandem.example/pkg/fault"
)

func standIn(t *testing.T) (*clerk.Server, Config, *Backend) {
	t.Helper()
	stack := devstack.T(t, devstack.Options{Clerk: true})
	cfg := Config{
		Issuer: stack.ClerkIssuer, APIURL: stack.ClerkURL, SecretKey: env.Secret(stack.Clerk.SecretKey()),
		AuthorizedParties: []string{devstack.AuthorizedParty}, CAFile: stack.CAFile,
	}
	backend, err := NewBackend(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(backend.Close)
	return stack.Clerk, cfg, backend
}

func signIn(t *testing.T, server *clerk.Server, wish clerk.Wish) clerk.Token {
	t.Helper()
	got, err := server.SessionToken(wish)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTokenOfTheStandIn(t *testing.T) {
	t.Parallel()
	server, cfg, backend := standIn(t)
	v := NewVerifier(cfg, backend)
	got := signIn(t, server, clerk.Wish{OrgID: "org_7", OrgRole: "admin"})
	for range 10 {
		s, err := v.Verify(t.Context(), got.JWT)
		if err != nil || s.ID != got.SessionID || s.UserID != got.UserID || s.OrgRole != "org:admin" {
			t.Fatalf("%+v, %v", s, err)
		}
	}
	if n := server.Calls("GET /v1/jwks"); n != 1 {
		t.Fatalf("%d fetches of the keys for 10 tokens", n)
	}
	if _, err := server.RotateKeys(); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), signIn(t, server, clerk.Wish{}).JWT); err != nil {
		t.Fatalf("a token of the new key: %v", err)
	}
	if _, err := v.Verify(t.Context(), got.JWT); !errors.Is(err, bearer.ErrKey) {
		t.Fatalf("a token of the withdrawn key: %v", err)
	}
}

func TestActive(t *testing.T) {
	t.Parallel()
	server, _, backend := standIn(t)
	got := signIn(t, server, clerk.Wish{})
	if err := backend.Active(t.Context(), got.SessionID, got.UserID); err != nil {
		t.Fatal(err)
	}
	before := server.Calls("GET /v1/sessions/{id}")
	for name, ids := range map[string][2]string{
		"another user": {got.SessionID, "user_other"}, "no such session": {"sess_none", got.UserID},
		"a path": {"sess_1/../..", got.UserID}, "a user's path": {got.SessionID, "user_1/x"},
	} {
		if err := backend.Active(t.Context(), ids[0], ids[1]); !errors.Is(err, ErrEnded) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := server.Calls("GET /v1/sessions/{id}") - before; n != 2 {
		t.Errorf("%d questions: malformed ids were sent", n)
	}
	server.EndSession(got.SessionID)
	if err := backend.Active(t.Context(), got.SessionID, got.UserID); !errors.Is(err, ErrEnded) {
		t.Errorf("ended: %v", err)
	}
}

func TestFaultsOfClerkAreUnavailable(t *testing.T) {
	t.Parallel()
	server, cfg, backend := standIn(t)
	got := signIn(t, server, clerk.Wish{})
	v := NewVerifier(cfg, backend)
	check := func(name string, within, retryAfter time.Duration) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		_, byKeys := v.Verify(ctx, got.JWT)
		for _, err := range []error{backend.Active(ctx, got.SessionID, got.UserID), byKeys} {
			f := fault.From(err)
			if !errors.Is(err, ErrUnavailable) || f.RetryAfter != retryAfter || strings.Contains(err.Error(), "<html") {
				t.Errorf("%s: %v, retry after %v", name, err, f.RetryAfter)
			}
		}
	}
	server.Break(clerk.RateLimited(7 * time.Second))
	check("429", 2*time.Minute, 7*time.Second)
	server.Break(clerk.BadGateway())
	check("502", 2*time.Minute, ErrUnavailable.RetryAfter)
	server.Break(clerk.Hang())
	check("hang", 300*time.Millisecond, ErrUnavailable.RetryAfter)
	server.Mend()
	if err := backend.Active(t.Context(), got.SessionID, got.UserID); err != nil {
		t.Errorf("after it was mended: %v", err)
	}
}
