package tokens

import (
	"context"
	"errors"
	"testing"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/services/auth/internal/clients"
)

// slate is a ledger in which every token is live, and remembers what was ended.
type slate struct {
	Ledger

	ended []string
}

func (s *slate) Live(context.Context, *bearer.Claims) error { return nil }

func (s *slate) EndToken(_ context.Context, c *bearer.Claims) (int64, error) {
	s.ended = append(s.ended, c.ID)
	return 1, nil
}

// at is a desk of an instance whose clock is so far ahead, and a token that ends in
// a minute.
func at(t *testing.T, ahead time.Duration) (*Desk, *slate, string) {
	t.Helper()
	keys, err := bearer.NewSecrets([]byte("0123456789abcdef0123456789abcdef"), nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	raw, err := keys.Sign(bearer.Claims{
		Issuer: "https://auth.example", Audience: bearer.Audience{"other"}, Subject: "user", ClientID: "web", ID: "jti", SessionID: "sid",
		Tenant: "user", Scopes: "a", IssuedAt: now.Unix(), Expires: now.Add(time.Minute).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ledger := &slate{}
	verifier := bearer.Verifier{
		Keys: keys, Issuer: "https://auth.example", Audience: "tandem", Now: func() time.Time { return now.Add(ahead) },
	}
	return NewDesk(&verifier, ledger), ledger, raw
}

// What has expired by this instance's clock may be live by another's, so it is
// revoked all the same; it is not called active.
func TestRevokeByAClockThatIsAhead(t *testing.T) {
	t.Parallel()
	web := clients.Client{ID: "web"}
	for ahead, c := range map[time.Duration]struct {
		active bool
		ended  int
	}{0: {true, 1}, 90 * time.Second: {false, 1}, 4 * time.Minute: {false, 1}, 7 * time.Minute: {false, 0}} {
		desk, ledger, raw := at(t, ahead)
		if d, err := desk.Introspect(t.Context(), web, raw); err != nil || d.Active != c.active {
			t.Errorf("%s ahead: active %v, %v", ahead, d.Active, err)
		}
		if _, err := desk.Revoke(t.Context(), clients.Client{ID: "app"}, raw); err != nil || len(ledger.ended) != 0 {
			t.Errorf("%s ahead: ended for another client (%v)", ahead, err)
		}
		if _, err := desk.Revoke(t.Context(), web, raw); err != nil || len(ledger.ended) != c.ended {
			t.Errorf("%s ahead: ended %v (%v)", ahead, ledger.ended, err)
		}
	}
}

// away is keys that cannot be had.
type away struct{ bearer.KeySet }

func (away) ByHeader(string) *bearer.Key { return nil }

func (away) ByID(context.Context, string) (*bearer.Key, error) { return nil, bearer.ErrKeys }

// A token that cannot be checked is neither active nor inactive, and not revoked.
func TestDeskWithoutKeys(t *testing.T) {
	t.Parallel()
	_, ledger, raw := at(t, 0)
	desk := NewDesk(&bearer.Verifier{Keys: away{}, Issuer: "https://auth.example"}, ledger)
	if d, err := desk.Introspect(t.Context(), clients.Client{ID: "web"}, raw); !errors.Is(err, bearer.ErrKeys) {
		t.Errorf("introspection: %+v %v", d, err)
	}
	if _, err := desk.Revoke(t.Context(), clients.Client{ID: "web"}, raw); !errors.Is(err, bearer.ErrKeys) {
		t.Errorf("revocation: %v", err)
	}
}
