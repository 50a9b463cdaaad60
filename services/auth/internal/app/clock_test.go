package app_test

import (
	"net/http"
	"testing"
	"time"

	"go.uber.org/fx"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
)

// An instance that checks tokens by a clock 30 s off honours those of the others,
// and knows what they have revoked. What has expired by its own clock it refuses.
func TestAnInstanceWithAWrongClock(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	for _, off := range []time.Duration{-30 * time.Second, 30 * time.Second} {
		other := run(t, s.stack, s.env, fx.Decorate(func(v *bearer.Verifier) *bearer.Verifier {
			wrong := *v
			wrong.Now = func() time.Time { return time.Now().Add(off) }
			return &wrong
		}))
		other.awaitReady()
		access, refresh := s.login()
		next := other.refresh(refresh)
		for _, token := range []string{access, next.text("access_token")} {
			for name, at := range map[string]*service{"its own": other, "another": s} {
				if got := at.verify(http.MethodGet, "", token, nil); got.status != 200 || !at.active(token) {
					t.Errorf("clock %s off, at %s instance: %d %s", off, name, got.status, got.body)
				}
			}
		}
		claims, err := s.verifier.Verify(t.Context(), access)
		if err != nil {
			t.Fatal(err)
		}
		for left, want := range map[time.Duration]int{25 * time.Second: 200, -25 * time.Second: 401} {
			claims.Expires = time.Now().Add(left).Add(off).Unix()
			raw, err := s.keys.Sign(claims)
			if err != nil {
				t.Fatal(err)
			}
			if got := other.bearer(http.MethodGet, "/v1/me", raw); got.status != want {
				t.Errorf("clock %s off, %s before its end: %d %s", off, left, got.status, got.body)
			}
		}
		if got := s.demo("/revoke", "token", next.text("refresh_token")); got.body != `{"revoked":1}` || other.active(access) {
			t.Errorf("clock %s off: revoked and accepted: %s", off, got.body)
		}
	}
}
