package app_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"tandem.example/pkg/devstack"
)

// limited runs an instance with limits of its own, which believes what tests say
// about where they are.
func limited(t *testing.T, limits map[string]string) *service {
	t.Helper()
	stack := devstack.T(t, devstack.Options{Database: true, Redis: true, OwnRedis: true, NATS: true})
	migrate(t, stack)
	set := environment(t, stack)
	set["TRUSTED_PROXIES"] = "127.0.0.1"
	maps.Copy(set, limits)
	s := run(t, stack, set)
	s.awaitReady()
	return s
}

// from posts to /token as the demo client from an address.
func (s *service) from(address string, pairs ...string) reply {
	s.t.Helper()
	return s.settled(func() *http.Request {
		r := s.form("/token", s.env["DEMO_CLIENT_ID"], s.env["DEMO_CLIENT_SECRET"], pairs...)
		r.Header.Set("X-Forwarded-For", address)
		return r
	})
}

// settled sends a request until the answer is about the request: on a machine that
// is busy, leases lapse and logins queue.
func (s *service) settled(request func() *http.Request) (got reply) {
	s.t.Helper()
	s.await("nothing but 503", func() bool {
		got = s.send(request())
		if got.status == 503 && got.header.Get("Retry-After") == "" {
			s.t.Error("503 without Retry-After")
		}
		return got.status != 503
	})
	return got
}

func (s *service) signIn(address, name, password string) reply {
	s.t.Helper()
	return s.from(address, "grant_type", "password", "username", name, "password", password)
}

// tooMany wants the refusal of a limit.
func tooMany(t *testing.T, got reply, limit string) {
	t.Helper()
	if got.status != 429 || got.text("error") != "temporarily_unavailable" || got.header.Get("Retry-After") == "" ||
		!strings.Contains(got.header.Get("RateLimit-Policy"), `"`+limit+`"`) || !strings.Contains(got.header.Get("RateLimit"), `"`+limit+`";r=0;t=`) {
		t.Errorf("%d %s %v", got.status, got.body, got.header)
	}
}

// Of a hundred guesses made at once no more are looked at than may be wrong, and
// the user is not locked out by them.
func TestASVS_6_3_1_GuessesAreLimitedHoweverManyAtOnce(t *testing.T) {
	t.Parallel()
	s := limited(t, map[string]string{"LIMIT_LOGIN_PAIR": "10/24h", "LIMIT_LOGIN_ACCOUNT": "25/24h"})
	user, password := s.env["DEMO_USER"], s.env["DEMO_PASSWORD"]
	for range 12 { // more than would be let through if they were wrong
		if got := s.signIn("192.0.2.1", user, password); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	guess := func(address string) int {
		var mu sync.Mutex
		seen := map[int]int{}
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				got := s.signIn(address, user, fmt.Sprintf("wrong guess %d", i))
				mu.Lock()
				defer mu.Unlock()
				seen[got.status]++
				if got.status == 429 && got.header.Get("Retry-After") == "" {
					t.Error("429 without Retry-After")
				}
			})
		}
		all.Wait()
		if seen[400]+seen[429] != 100 {
			t.Errorf("answers: %v", seen)
		}
		return seen[400]
	}
	if n := guess("192.0.2.1"); n == 0 || n > 10 { // fewer, if an answer got lost after it was counted
		t.Errorf("%d guesses were looked at", n)
	}
	tooMany(t, s.signIn("192.0.2.1", user, password), "login-pair")
	if got := s.signIn("192.0.2.2", user, password); got.status != 200 {
		t.Errorf("the user is locked out elsewhere: %d %s", got.status, got.body)
	}
	if got := s.signIn("192.0.2.1", "somebody", "wrong guess"); got.status != 400 {
		t.Errorf("somebody else at the same address: %d %s", got.status, got.body)
	}
	if n := guess("2001:db8::1") + guess("2001:db8::2:1") + guess("192.0.2.3") + guess("192.0.2.5"); n == 0 || n > 25 { // two of them are one /64
		t.Errorf("%d more guesses were looked at", n)
	}
	tooMany(t, s.signIn("192.0.2.4", user, password), "login-account")
}

// Whoever commands many networks can close the account where its user has never
// been, and not where the user signs in.
func TestASVS_6_3_1_AUserIsNotLockedOutWhereTheySignIn(t *testing.T) {
	t.Parallel()
	s := limited(t, map[string]string{"LIMIT_LOGIN_PAIR": "2/24h", "LIMIT_LOGIN_ACCOUNT": "3/24h"})
	user, password := s.env["DEMO_USER"], s.env["DEMO_PASSWORD"]
	const home = "2001:db8:1:2::1"
	if got := s.signIn(home, user, password); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	n := 0
	s.await("the account is never closed", func() bool {
		n++
		got := s.signIn(fmt.Sprintf("2001:db8:2:%x::1", n), user, "wrong guess")
		return strings.Contains(got.header.Get("RateLimit"), "login-account")
	})
	tooMany(t, s.signIn("192.0.2.1", user, password), "login-account")
	for range 3 {
		if got := s.signIn("2001:db8:1:2::ffff", user, password); got.status != 200 {
			t.Errorf("at home: %d %s", got.status, got.body)
		}
	}
	s.await("guesses at home are not refused", func() bool { return s.signIn(home, user, "wrong guess").status == 429 })
	tooMany(t, s.signIn(home, user, password), "login-pair")
}

func TestASVS_6_3_1_AnAccountOpensAgainByItself(t *testing.T) {
	t.Parallel()
	s := limited(t, map[string]string{"LIMIT_LOGIN_PAIR": "2/20s", "LIMIT_LOGIN_ACCOUNT": "3/30s"})
	s.await("no guess is refused", func() bool { return s.signIn("192.0.2.1", s.env["DEMO_USER"], "wrong guess").status == 429 })
	s.await("the account stays closed", func() bool {
		return s.signIn("192.0.2.1", s.env["DEMO_USER"], s.env["DEMO_PASSWORD"]).status == 200
	})
}

// One caller cannot try one password on all accounts.
func TestASVS_6_3_1_GuessesOfOneAddressAreLimited(t *testing.T) {
	t.Parallel()
	s := limited(t, map[string]string{"LIMIT_LOGIN_ADDRESS": "3/24h"})
	if got := s.signIn("192.0.2.1", "user-0", "wrong guess"); got.status != 400 {
		t.Errorf("%d %s", got.status, got.body)
	}
	for i := range 3 { // 400, until an answer that got lost counts too
		s.signIn("192.0.2.1", fmt.Sprintf("user-%d", i), "wrong guess")
	}
	tooMany(t, s.signIn("192.0.2.1", "user-4", "wrong guess"), "login-address")
	if got := s.signIn("192.0.2.2", "user-4", "wrong guess"); got.status != 400 {
		t.Errorf("another address: %d %s", got.status, got.body)
	}
}

func TestASVS_6_3_1_RequestsOfOneAddressAreLimited(t *testing.T) {
	t.Parallel()
	s := limited(t, map[string]string{"LIMIT_TOKEN_ADDRESS": "3/24h"})
	for i := range 4 {
		got := s.from("192.0.2.1", "grant_type", "client_credentials")
		if got.status == 429 && i > 0 {
			break // an answer got lost after it was counted, or this is the fourth
		}
		if got.status != 200 || i == 3 || got.header.Get("RateLimit-Policy") != `"token-address";q=3;w=86400` ||
			!strings.HasPrefix(got.header.Get("RateLimit"), `"token-address";r=`) {
			t.Errorf("%d: %d %s %v", i, got.status, got.body, got.header)
		}
	}
	tooMany(t, s.from("192.0.2.1", "grant_type", "client_credentials"), "token-address")
	if got := s.from("192.0.2.2", "grant_type", "client_credentials"); got.status != 200 {
		t.Errorf("another address: %d %s", got.status, got.body)
	}
}

// A client that fails too often is told so; others that have its secret, at the
// same address, are let in.
func TestASVS_6_3_1_FailuresOfAClientAreLimited(t *testing.T) {
	t.Parallel()
	s := limited(t, map[string]string{"LIMIT_CLIENT_FAILURES": "3/24h"})
	id := s.env["DEMO_CLIENT_ID"]
	as := func(path, id, secret string) reply {
		return s.settled(func() *http.Request { return s.form(path, id, secret, "token", "x") })
	}
	if got := as("/introspect", id, "wrong"); got.status != 401 {
		t.Errorf("%d %s", got.status, got.body)
	}
	s.await("nothing is refused", func() bool { return as("/introspect", id, "wrong").status == 429 })
	for _, path := range []string{"/token", "/revoke", "/introspect"} {
		tooMany(t, as(path, id, "wrong"), "client-failures")
	}
	if got := as("/introspect", id, s.env["DEMO_CLIENT_SECRET"]); got.status != 200 {
		t.Errorf("the right secret: %d %s", got.status, got.body)
	}
	if got := as("/introspect", s.env["DEMO_ADMIN_CLIENT_ID"], "wrong"); got.status != 401 {
		t.Errorf("another client: %d %s", got.status, got.body)
	}
}

// What a browser with many tabs does is no abuse: the limits as they are.
func TestABurstOfRefreshesIsServed(t *testing.T) {
	t.Parallel()
	s := limited(t, nil)
	const burst = 96
	var tokens [burst]string
	for i := range tokens {
		tokens[i] = s.signIn("192.0.2.1", s.env["DEMO_USER"], s.env["DEMO_PASSWORD"]).text("refresh_token")
	}
	var all sync.WaitGroup
	for _, token := range tokens {
		all.Go(func() {
			if got := s.from("192.0.2.1", "grant_type", "refresh_token", "refresh_token", token); got.status != 200 {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	all.Wait()
}

// An unknown name, a wrong password, a disabled user and what cannot be a name or
// a password at all: one answer.
func TestASVS_6_3_8_RefusalsOfALoginLookAlike(t *testing.T) {
	t.Parallel()
	s := limited(t, nil)
	if err := s.users.Put(t.Context(), "gone", "correct horse", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ownerExec(`UPDATE users SET disabled = true WHERE login = 'gone'`); err != nil {
		t.Fatal(err)
	}
	want := s.signIn("192.0.2.1", s.env["DEMO_USER"], "wrong guess")
	if want.status != 400 || want.text("error") != "invalid_grant" {
		t.Fatalf("%d %s", want.status, want.body)
	}
	for name, try := range map[string][2]string{
		"unknown": {"nobody", "correct horse"}, "disabled": {"gone", "correct horse"}, "short": {s.env["DEMO_USER"], "x"},
		"long": {s.env["DEMO_USER"], strings.Repeat("x", 100<<10)}, "no name": {strings.Repeat("x", 300), "correct horse"},
		"control": {"a\x01b", "correct horse"}, "spaces": {"  ", "correct horse"}, "line": {"a\nb", "correct horse"},
	} {
		got := s.signIn("192.0.2.1", try[0], try[1])
		if got.status != want.status || got.body != want.body {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		for field := range want.header {
			if field != "X-Request-Id" && field != "Date" && field != "Ratelimit" && got.header.Get(field) != want.header.Get(field) {
				t.Errorf("%s: %s is %q", name, field, got.header.Get(field))
			}
		}
		if len(got.header) != len(want.header) {
			t.Errorf("%s: %v", name, got.header)
		}
	}
}
