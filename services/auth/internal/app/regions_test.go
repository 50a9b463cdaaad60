package app_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/clerk"
)

// regions are two on one database, each with its own Redis and its own auth.
func regions(t *testing.T) (eu, us *service) {
	t.Helper()
	stack := devstack.T(t, devstack.Options{Database: true, OwnRedis: true, NATS: true, Clerk: true})
	other := devstack.T(t, devstack.Options{OwnRedis: true})
	other.Clerk, other.DatabaseURL = stack.Clerk, stack.DatabaseURL
	migrate(t, stack)
	set := environment(t, stack)
	set["REGION"] = "eu"
	set["REDIS_PEERS"] = "eu=" + stack.RedisURLFor(devstack.Auth) + ",us=" + other.RedisURLFor(devstack.Auth)
	theirs := maps.Clone(set)
	theirs["REGION"], theirs["REDIS_URL"] = "us", other.RedisURLFor(devstack.Auth)
	eu = run(t, stack, set)
	eu.awaitReady()
	us = run(t, other, theirs)
	us.awaitReady()
	for _, s := range []*service{eu, us} {
		s.await("both regions are reached", func() bool { return !strings.Contains(s.readiness(), "redis-") })
	}
	return eu, us
}

// readiness is what is not ready.
func (s *service) readiness() string {
	s.t.Helper()
	var away []string
	checks, _ := s.send(s.request(http.MethodGet, s.admin+"/readyz", "", nil)).json()["checks"].([]any)
	for _, c := range checks {
		if check, _ := c.(map[string]any); check["ok"] != true {
			name, _ := check["name"].(string)
			away = append(away, name)
		}
	}
	return strings.Join(away, " ")
}

func TestARevocationInOneRegionHoldsInTheOther(t *testing.T) {
	t.Parallel()
	eu, us := regions(t)
	eu.calm, us.calm = true, true
	access, refresh := eu.login()
	if !eu.active(access) || us.active(access) {
		t.Error("a token is live where it was not issued, or not where it was")
	}
	if got := us.demo("/revoke", "token", refresh); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if eu.active(access) {
		t.Error("it lives on")
	}
	access, _ = eu.login()
	if got := us.demo("/revoke", "token", access); got.status != 200 || eu.active(access) {
		t.Errorf("one token: %d %s", got.status, got.body)
	}
	access, _ = eu.login()
	mine, _ := us.login()
	if got := us.bearer(http.MethodGet, "/v1/sessions", mine); strings.Count(got.body, `"id"`) < 2 {
		t.Errorf("the other region's sessions are not listed: %s", got.body)
	}
	if got := us.bearer(http.MethodPost, "/logout/all", mine); got.status != 200 || eu.active(access) || us.active(mine) {
		t.Errorf("all of them: %d %s", got.status, got.body)
	}
	v := eu.visitor(clerk.Wish{})
	if got := us.deliver(us.notice("session.ended", v.SessionID, v.UserID)); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	eu.over("a session that Clerk ended", v)
	v = eu.visitor(clerk.Wish{})
	if got := us.deliver(us.notice("user.deleted", "", v.UserID)); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	eu.over("a user whom Clerk deleted", v)
}

// Without the Redis of eu the auth of us does all but end anything for good.
func TestARegionsRedisIsLost(t *testing.T) {
	t.Parallel()
	eu, us := regions(t)
	access, _ := eu.login()
	if err := eu.stack.Kill("redis"); err != nil {
		t.Fatal(err)
	}
	us.await("it is missed", func() bool { return us.readiness() == "redis-eu" })
	if got := us.send(us.request(http.MethodGet, us.admin+"/readyz", "", nil)); got.status != 200 {
		t.Errorf("readiness elsewhere: %d %s", got.status, got.body)
	}
	var mine, refresh string
	us.await("logins go on", func() bool {
		got := us.demo("/token", "grant_type", "password", "username", us.env["DEMO_USER"], "password", us.env["DEMO_PASSWORD"])
		mine, refresh = got.text("access_token"), got.text("refresh_token")
		return got.status == 200
	})
	got := us.demo("/revoke", "token", refresh)
	if got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("acknowledged: %d %v %s", got.status, got.header, got.body)
	}
	us.await("it is over where it could be", func() bool {
		got := us.demo("/introspect", "token", mine)
		return got.status == 200 && got.body == `{"active":false}`
	})
	if err := eu.stack.Start(t.Context(), "redis"); err != nil {
		t.Fatal(err)
	}
	us.await("it is there again", func() bool { return us.readiness() == "" && eu.readiness() == "" })
	us.await("it is acknowledged", func() bool { return us.demo("/revoke", "token", refresh).status == 200 })
	eu.await("what was lost is not let in", func() bool {
		got := eu.demo("/introspect", "token", access)
		return got.status == 200 && got.body == `{"active":false}`
	})
}
