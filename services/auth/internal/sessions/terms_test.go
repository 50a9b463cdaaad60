package sessions

import (
	"errors"
	"testing"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
)

// A client that may have less than its session gets that. A refresh that is
// refused for it changes nothing, or the client, which still has the token, would
// show one that was traded already and end the session.
func TestRefreshUnderTerms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	i := w.login("user", "web")
	raw := i.Refresh
	for name, c := range map[string]struct {
		terms Terms
		want  error
	}{
		"no scope is left":       {Terms{Scopes: "admin", Audiences: []string{"tandem"}}, ErrScope},
		"wider than the session": {Terms{Want: "resources:read admin", Scopes: "resources:read admin", Audiences: []string{"tandem"}}, ErrScope},
		"another audience":       {Terms{Scopes: "resources:read", Audiences: []string{"tan", "tandem other", ""}}, ErrTarget},
		"no audience":            {Terms{Scopes: "resources:read"}, ErrTarget},
	} {
		if got, err := w.Refresh(t.Context(), raw, "web", c.terms); !errors.Is(err, c.want) || got.Refresh != "" || got.Subject != "user" {
			t.Errorf("%s: %+v %v", name, got, err)
		}
		if _, err := w.Inspect(t.Context(), raw, "web"); err != nil {
			t.Errorf("%s: it was traded: %v", name, err)
		}
	}
	tokens, err := w.epoch(1).Redis().Keys(t.Context(), bearer.TokenKey("user", "*")).Result()
	if err != nil || len(tokens) != 1 {
		t.Errorf("%d access tokens (%v)", len(tokens), err)
	}
	for _, c := range []struct{ want, may, given bearer.Scopes }{
		{"", "resources:write other", "resources:write"},
		{"", "admin resources:write resources:read", "resources:read resources:write"}, // narrower once is not for ever
		{"resources:read", "resources:read resources:write", "resources:read"},
	} {
		got, err := w.Refresh(t.Context(), raw, "web", Terms{Want: c.want, Scopes: c.may, Audiences: []string{"other", "tandem"}})
		if err != nil || got.Scopes != c.given || !w.live(got) {
			t.Fatalf("%+v: %q %v", c, got.Scopes, err)
		}
		raw = got.Refresh
	}
}
