package app_test

import (
	"net/http"
	"testing"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
)

// unavailable checks that nothing is answered that is not known.
func (s *service) unavailable(what, access, refresh string) {
	s.t.Helper()
	for name, got := range map[string]reply{
		"refresh":    s.refresh(refresh),
		"introspect": s.demo("/introspect", "token", access),
		"revoke":     s.demo("/revoke", "token", access),
		"login":      s.demo("/token", "grant_type", "password", "username", s.env["DEMO_USER"], "password", s.env["DEMO_PASSWORD"]),
	} {
		if got.status != 503 || got.text("error") != "temporarily_unavailable" || got.header.Get("Retry-After") == "" {
			s.t.Errorf("%s, %s: %d %s", what, name, got.status, got.body)
		}
	}
	for name, got := range map[string]reply{
		"me": s.bearer(http.MethodGet, "/v1/me", access), "logout": s.bearer(http.MethodPost, "/logout", access),
		"audit": s.bearer(http.MethodGet, "/v1/audit", access),
	} {
		if got.status != 503 || got.text("code") == "" || got.header.Get("Retry-After") == "" {
			s.t.Errorf("%s, %s: %d %s", what, name, got.status, got.body)
		}
	}
}

// Redis dies and comes back empty: everybody is logged out, nobody let in.
func TestRedisComesBackEmpty(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{OwnRedis: true})
	access, refresh := s.login()
	if err := s.stack.Kill("redis"); err != nil {
		t.Fatal(err)
	}
	s.unavailable("without Redis", access, refresh)
	if got := s.send(s.request(http.MethodGet, s.admin+"/readyz", "", nil)); got.status != 503 {
		t.Errorf("ready without Redis: %s", got.body)
	}
	if err := s.stack.Start(t.Context(), "redis"); err != nil {
		t.Fatal(err)
	}
	s.awaitEpoch(2)
	if s.active(access) || s.refresh(refresh).status != 400 {
		t.Error("a token outlived what made it live")
	}
	s.login()
}

// Redis dies and comes back with what it had, some of it revoked meanwhile: only
// that is gone.
func TestRedisRemembersWhatWasRevoked(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{OwnRedis: true, RedisPersists: true})
	alive, aliveRefresh := s.login()
	type victim struct{ access, refresh string }
	var victims []victim
	var stones []bearer.Tombstone
	for i := range 6 {
		access, refresh := s.login()
		victims = append(victims, victim{access, refresh})
		claims, err := s.verifier.Verify(s.t.Context(), access)
		if err != nil {
			t.Fatal(err)
		}
		// A revocation that was acknowledged and that this Redis has forgotten: an
		// old dump, or a replica that was behind.
		stone := bearer.Tombstone{Kind: bearer.KindSession, ID: claims.SessionID, Subject: claims.Subject, Expires: time.Now().Add(time.Hour)}
		if i%2 == 1 {
			stone.Kind, stone.ID = bearer.KindToken, claims.ID
		}
		stones = append(stones, stone)
	}
	if err := bearer.NewTombstones(s.db).Bury(t.Context(), stones...); err != nil {
		t.Fatal(err)
	}
	if err := s.stack.Kill("redis"); err != nil {
		t.Fatal(err)
	}
	if err := s.stack.Start(t.Context(), "redis"); err != nil {
		t.Fatal(err)
	}
	s.awaitEpoch(2)
	for i, v := range victims {
		if s.active(v.access) {
			t.Errorf("victim %d: the access token lives again", i)
		}
		if ended := s.refresh(v.refresh).status == 400; ended != (i%2 == 0) {
			t.Errorf("victim %d: session ended: %v", i, ended)
		}
	}
	if !s.active(alive) || s.refresh(aliveRefresh).status != 200 {
		t.Error("somebody else was logged out")
	}
}

func TestDatabaseDown(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{OwnDatabase: true})
	access, refresh := s.login()
	if err := s.stack.Kill(s.stack.Database()); err != nil {
		t.Fatal(err)
	}
	s.awaitNoEpoch()
	s.unavailable("without the database", access, refresh)
	if err := s.stack.Start(t.Context(), s.stack.Database()); err != nil {
		t.Fatal(err)
	}
	s.awaitReady()
	if !s.active(access) || s.refresh(refresh).status != 200 {
		t.Error("logged out by an outage of the database")
	}
}

// awaitNoEpoch waits until the lease has lapsed.
func (s *service) awaitNoEpoch() {
	s.t.Helper()
	s.await("the epoch is still held", func() bool { _, err := s.keeper.Current(); return err != nil })
}

// awaitEpoch waits until another Redis, or the same one started again, serves.
func (s *service) awaitEpoch(number int64) {
	s.t.Helper()
	s.await("no new epoch", func() bool {
		e, err := s.keeper.Current()
		return err == nil && e.Number() >= number
	})
}

func (s *service) await(otherwise string, done func() bool) {
	s.t.Helper()
	if !eventually(done) {
		s.t.Fatal(otherwise)
	}
}

// eventually is for other goroutines than the test's.
func eventually(done func() bool) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(2 * time.Minute)
	for !done() {
		select {
		case <-deadline:
			return false
		case <-tick.C:
		}
	}
	return true
}
