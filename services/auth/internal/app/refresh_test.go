package app_test

import (
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
	"tandem.example/services/auth/internal/clients"
)

func (s *service) refresh(token string, pairs ...string) reply {
	s.t.Helper()
	return s.demo("/token", append([]string{"grant_type", "refresh_token", "refresh_token", token}, pairs...)...)
}

func TestRefreshRotates(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	access, first := s.login()
	got := s.refresh(first)
	second := got.text("refresh_token")
	if got.status != 200 || second == "" || second == first || got.text("access_token") == access {
		t.Fatalf("%d %s", got.status, got.body)
	}
	before, err1 := s.verifier.Verify(s.t.Context(), access)
	after, err2 := s.verifier.Verify(s.t.Context(), got.text("access_token"))
	if err1 != nil || err2 != nil || before.SessionID != after.SessionID || before.ID == after.ID || before.Subject != after.Subject ||
		before.Scopes != after.Scopes || before.Tenant != after.Tenant {
		t.Fatalf("%+v %+v", before, after)
	}
	if !s.active(access) || !s.active(got.text("access_token")) || !s.active(second) || s.active(first) {
		t.Error("wrong tokens are active")
	}
	// Within the grace the one before gives the same successor again.
	again := s.refresh(first)
	if again.status != 200 || again.text("refresh_token") != second {
		t.Fatalf("%d %s", again.status, again.body)
	}
	if got := s.refresh(second); got.status != 200 {
		t.Fatalf("the successor after the repetition: %d %s", got.status, got.body)
	}
	// Now the first is two behind: somebody else has it. The family ends.
	if got := s.refresh(first); got.status != 400 || got.text("error") != "invalid_grant" {
		t.Fatalf("an older token: %d %s", got.status, got.body)
	}
	if got := s.bearer(http.MethodGet, "/v1/me", access); got.status != 401 || got.text("code") != "token_revoked" {
		t.Errorf("an access token of the family: %d %s", got.status, got.body)
	}
	if got := s.refresh(second); got.status != 400 {
		t.Errorf("a refresh token of the family: %d %s", got.status, got.body)
	}
	if n := s.tombstones(bearer.KindSession, before.SessionID); n != 1 {
		t.Errorf("%d tombstones", n)
	}
}

// A family that ended while the database was away has ended for good before
// anybody is told so.
func TestReuseIsDurableBeforeItIsAnswered(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	access, first := s.login()
	claims, err := s.verifier.Verify(s.t.Context(), access)
	if err != nil {
		t.Fatal(err)
	}
	s.refresh(s.refresh(first).text("refresh_token"))
	if _, err := s.ownerExec(`REVOKE INSERT ON tombstones FROM tandem_auth`); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := s.refresh(first); got.status < 500 {
			t.Errorf("reuse without a tombstone was answered: %d %s", got.status, got.body)
		}
	}
	if s.active(access) {
		t.Error("the family lives on")
	}
	if _, err := s.ownerExec(`GRANT INSERT ON tombstones TO tandem_auth`); err != nil {
		t.Fatal(err)
	}
	if got := s.refresh(first); got.status != 400 || got.text("error") != "invalid_grant" {
		t.Errorf("again: %d %s", got.status, got.body)
	}
	if n := s.tombstones(bearer.KindSession, claims.SessionID); n != 1 {
		t.Errorf("%d tombstones", n)
	}
	e, err := s.keeper.Current()
	if err != nil {
		t.Fatal(err)
	}
	note := "auth:{" + claims.Subject + "}:r:" + claims.SessionID
	if ttl := e.Redis().PTTL(t.Context(), note).Val(); ttl <= 0 || ttl > 720*time.Hour {
		t.Errorf("the note lives %s", ttl)
	}
}

func (s *service) tombstones(kind bearer.Kind, id string) int64 {
	s.t.Helper()
	n, err := s.ownerExec(`SELECT 1 FROM tombstones WHERE kind = $1 AND id = $2`, string(kind), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func TestThePreviousTokenWorksOnlyInItsGrace(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	_, first := s.login()
	second := s.refresh(first).text("refresh_token")
	e, err := s.keeper.Current()
	if err != nil {
		t.Fatal(err)
	}
	claims, err := s.verifier.Verify(s.t.Context(), s.refresh(first).text("access_token"))
	if err != nil {
		t.Fatal(err)
	}
	// As if it had been rotated 11 s ago.
	key := bearer.SessionKey(claims.Subject, claims.SessionID)
	if err := e.Redis().HSet(t.Context(), key, "pt", time.Now().Add(-11*time.Second).UnixMilli()).Err(); err != nil {
		t.Fatal(err)
	}
	if got := s.refresh(first); got.status != 400 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := s.refresh(second); got.status != 400 {
		t.Fatalf("the family lives on: %d %s", got.status, got.body)
	}
}

func TestAGenerationAheadEndsTheFamily(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	_, first := s.login()
	got := s.refresh(first)
	second := got.text("refresh_token")
	claims, err := s.verifier.Verify(s.t.Context(), got.text("access_token"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := s.keeper.Current()
	if err != nil {
		t.Fatal(err)
	}
	// As if Redis had gone back to a time before the rotation.
	key := bearer.SessionKey(claims.Subject, claims.SessionID)
	if err := e.Redis().HSet(t.Context(), key, "g", "0").Err(); err != nil {
		t.Fatal(err)
	}
	if got := s.refresh(second); got.status != 400 || got.text("error") != "invalid_grant" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if e.Redis().Exists(t.Context(), key).Val() != 0 {
		t.Error("the family lives on")
	}
}

// One client with many tabs, at two instances: nobody is logged out, one successor
// lives, and so does every access token that came with it.
func TestManyRefreshAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	other := run(t, s.stack, s.env)
	other.awaitReady()
	access, token := s.login()
	claims, err := s.verifier.Verify(t.Context(), access)
	if err != nil {
		t.Fatal(err)
	}
	e, err := s.keeper.Current()
	if err != nil {
		t.Fatal(err)
	}
	issued := []string{access}
	for round := range 3 {
		var mu sync.Mutex
		successors := map[string]int{}
		var group sync.WaitGroup
		for i := range 64 {
			at := []*service{s, other}[i%2]
			group.Go(func() {
				got := at.refresh(token)
				mu.Lock()
				defer mu.Unlock()
				if got.status != 200 {
					t.Errorf("%d %s", got.status, got.body)
				}
				successors[got.text("refresh_token")]++
				issued = append(issued, got.text("access_token"))
			})
		}
		group.Wait()
		if len(successors) != 1 || successors[token] > 0 {
			t.Fatalf("%d successors", len(successors))
		}
		if s.active(token) {
			t.Error("the one before is still the current one")
		}
		for token = range successors {
		}
		if !s.active(token) {
			t.Fatal("logged out")
		}
		if g := e.Redis().HGet(t.Context(), bearer.SessionKey(claims.Subject, claims.SessionID), "g").Val(); g != strconv.Itoa(round+1) {
			t.Errorf("round %d: generation %s", round, g)
		}
	}
	for _, access := range issued {
		if !other.active(access) {
			t.Fatal("an access token that was given does not live")
		}
	}
	if own := s.sessions(access); len(own) != 1 || own[0]["id"] != claims.SessionID {
		t.Errorf("sessions: %v", own)
	}
	if n := s.tombstones(bearer.KindSession, claims.SessionID); n != 0 {
		t.Errorf("%d tombstones", n)
	}
}

func TestRFC6749_6_ARefreshIsBoundToItsClientAndScope(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	err := s.clients.Put(t.Context(), clients.Record{
		Client: clients.Client{ID: "thief", Grants: []string{"refresh_token"}, Scopes: "resources:read"}, Digest: clients.Digest("s"),
	})
	if err != nil {
		t.Fatal(err)
	}
	access, token := s.login()
	if got := s.post("/token", "thief", "s", "grant_type", "refresh_token", "refresh_token", token); got.status != 400 || got.text("error") != "invalid_grant" {
		t.Errorf("another client: %d %s", got.status, got.body)
	}
	if got := s.post("/revoke", "thief", "s", "token", token); got.status != 200 || got.body != `{"revoked":0}` {
		t.Errorf("another client revokes: %d %s", got.status, got.body)
	}
	if got := s.post("/introspect", "thief", "s", "token", token); got.body != `{"active":false}` {
		t.Errorf("another client asks: %s", got.body)
	}
	if got := s.refresh(token, "scope", "resources:read admin"); got.status != 400 || got.text("error") != "invalid_scope" {
		t.Errorf("a wider scope: %d %s", got.status, got.body)
	}
	narrow := s.refresh(token, "scope", "resources:read")
	if narrow.status != 200 || narrow.text("scope") != "resources:read" {
		t.Errorf("none of that has used the token: %d %s", narrow.status, narrow.body)
	}
	// RFC 6749 §6: the refresh token keeps the whole scope.
	if got := s.refresh(narrow.text("refresh_token")); got.text("scope") != "resources:read resources:write" {
		t.Errorf("the next: %d %s", got.status, got.body)
	}
	for name, bad := range map[string]string{"garbage": "x", "an access token": access, "truncated": token[:40]} {
		if got := s.refresh(bad); got.status != 400 || got.text("error") != "invalid_grant" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if !s.active(access) {
		t.Error("garbage ended a session")
	}
}

// Redis knows enough to check tokens and not enough to make them, and forgets
// everything by itself.
func TestWhatRedisHolds(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{OwnRedis: true})
	access, first := s.login()
	second := s.refresh(first).text("refresh_token")
	e, err := s.keeper.Current()
	if err != nil {
		t.Fatal(err)
	}
	claims, err := s.verifier.Verify(s.t.Context(), access)
	if err != nil {
		t.Fatal(err)
	}
	session := bearer.SessionKey(claims.Subject, claims.SessionID)
	for name, value := range e.Redis().HGetAll(t.Context(), session).Val() {
		for _, secret := range []string{access, first, second} {
			if len(value) > 20 && (value == secret || name == secret) {
				t.Errorf("%s is kept as it is", name)
			}
		}
	}
	for key, atMost := range map[string]time.Duration{
		session: 168 * time.Hour, bearer.TokenKey(claims.Subject, claims.ID): 10 * time.Minute,
	} {
		if ttl := e.Redis().PTTL(t.Context(), key).Val(); ttl <= 0 || ttl > atMost {
			t.Errorf("%s lives %s", key, ttl)
		}
	}
	if size := e.Redis().MemoryUsage(t.Context(), session).Val(); size > 600 {
		t.Errorf("a session takes %d bytes", size)
	}
}
