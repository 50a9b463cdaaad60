package app_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
	"tandem.example/services/auth/internal/clients"
)

// The clauses of docs/security.md that show at the service's edge and have no
// test of their own elsewhere. Each is seen through HTTPS, as a client sees it.
func TestSecurity(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{OwnRedis: true})
	public := clients.Client{
		ID: "phone", Grants: []string{"password", "refresh_token"}, Scopes: "resources:read", Public: true, FirstParty: true,
	}
	if err := s.clients.Put(t.Context(), clients.Record{Client: public}); err != nil {
		t.Fatal(err)
	}
	for clause, check := range map[string]func(*service){
		"ASVS 7.2.3, 11.5.1 tokens are unique and cannot be guessed":          uniqueTokens,
		"ASVS 7.3.1, 7.3.2, 10.4.8 sessions have an idle and an absolute end": sessionLimits,
		"ASVS 7.4.1 an ended session is of no use":                            endedSession,
		"ASVS 10.4.4 a client uses its grants only":                           onlyOwnGrants,
		"ASVS 10.4.5, RFC 9700 2.2.2, 4.14.2 a replay ends the family":        replay,
		"ASVS 10.4.10 confidential clients authenticate":                      clientAuthentication,
		"ASVS 14.2.1 nothing sensitive in a URL":                              nothingInURLs,
		"ASVS 14.3.2 nothing sensitive is cached":                             nothingCached,
		"RFC 9700 2.3 access tokens are narrow":                               narrowTokens,
	} {
		t.Run(clause, func(t *testing.T) {
			t.Parallel()
			own := *s
			own.t = t
			check(&own)
		})
	}
}

func uniqueTokens(s *service) {
	seen := map[string]bool{}
	for range 5 {
		access, refresh := s.login()
		claims, err := s.verifier.Verify(s.t.Context(), access)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, one := range []string{access, refresh, claims.ID, claims.SessionID} {
			if seen[one] {
				s.t.Errorf("%q twice", one)
			}
			seen[one] = true
		}
		raw, err := base64.RawURLEncoding.DecodeString(refresh)
		if err != nil || len(raw) < 25+32 {
			s.t.Fatalf("a refresh token of %d bytes has no room for 256 random bits: %v", len(raw), err)
		}
		if secret := string(raw[25 : 25+32]); seen[secret] {
			s.t.Error("a secret twice")
		} else {
			seen[secret] = true
		}
	}
}

func sessionLimits(s *service) {
	access, refresh := s.login()
	claims, err := s.verifier.Verify(s.t.Context(), access)
	if err != nil {
		s.t.Fatal(err)
	}
	options, err := redis.ParseURL(s.stack.RedisURL)
	if err != nil {
		s.t.Fatal(err)
	}
	options.TLSConfig = s.trust
	server := redis.NewClient(options)
	defer func() { _ = server.Close() }()
	key := bearer.SessionKey(claims.Subject, claims.SessionID)
	idle, err := server.PTTL(s.t.Context(), key).Result()
	if err != nil || idle <= 0 || idle > 168*time.Hour {
		s.t.Errorf("idle for %s (%v), want REFRESH_EXPIRE_HOURS", idle, err)
	}
	end, err := server.HGet(s.t.Context(), key, "ax").Int64()
	if until := time.Until(time.UnixMilli(end)); err != nil || until <= 0 || until > 720*time.Hour+time.Minute {
		s.t.Errorf("absolute end in %s (%v), want SESSION_EXPIRE_HOURS", until, err)
	}
	// Close to the absolute end a refresh does not prolong it.
	soon := time.Now().Add(time.Minute)
	if err := server.HSet(s.t.Context(), key, "ax", soon.UnixMilli()).Err(); err != nil {
		s.t.Fatal(err)
	}
	got := s.refresh(refresh)
	left, err := server.PTTL(s.t.Context(), key).Result()
	if got.status != 200 || err != nil || left > time.Minute {
		s.t.Errorf("%d, then %s left (%v)", got.status, left, err)
	}
	if in, _ := got.json()["expires_in"].(float64); in > 60 {
		s.t.Errorf("an access token for %v s outlives its session", in)
	}
	if err := server.HSet(s.t.Context(), key, "ax", time.Now().Add(-time.Second).UnixMilli()).Err(); err != nil {
		s.t.Fatal(err)
	}
	if got := s.refresh(got.text("refresh_token")); got.status != 400 || got.text("error") != "invalid_grant" {
		s.t.Errorf("past the absolute end: %d %s", got.status, got.body)
	}
}

func endedSession(s *service) {
	access, refresh := s.login()
	if got := s.bearer(http.MethodPost, "/logout", access); got.status != 200 {
		s.t.Fatalf("%d %s", got.status, got.body)
	}
	if got := s.bearer(http.MethodGet, "/v1/me", access); got.status != 401 {
		s.t.Errorf("access token: %d", got.status)
	}
	if got := s.refresh(refresh); got.status != 400 {
		s.t.Errorf("refresh token: %d", got.status)
	}
	if s.active(access) || s.active(refresh) {
		s.t.Error("active")
	}
}

func onlyOwnGrants(s *service) {
	for grant, more := range map[string][]string{
		"password":           {"username", s.env["DEMO_USER"], "password", s.env["DEMO_PASSWORD"]},
		"refresh_token":      {"refresh_token", "x"},
		"implicit":           nil,
		"authorization_code": {"code", "x"},
	} {
		got := s.post("/token", s.env["DEMO_ADMIN_CLIENT_ID"], s.env["DEMO_ADMIN_CLIENT_SECRET"], append([]string{"grant_type", grant}, more...)...)
		if got.status != 400 || got.text("error") != "unauthorized_client" && got.text("error") != "unsupported_grant_type" {
			s.t.Errorf("%s: %d %s", grant, got.status, got.body)
		}
	}
}

// replay plays a thief of a public client's refresh token.
func replay(s *service) {
	refresh := func(token string) reply {
		return s.post("/token", "phone", "", "grant_type", "refresh_token", "refresh_token", token)
	}
	login := s.post("/token", "phone", "", "grant_type", "password", "username", s.env["DEMO_USER"], "password", s.env["DEMO_PASSWORD"])
	stolen := login.text("refresh_token")
	second := refresh(stolen)
	third := refresh(second.text("refresh_token"))
	if second.status != 200 || third.status != 200 || second.text("refresh_token") == stolen {
		s.t.Fatalf("%d %d", second.status, third.status)
	}
	if got := refresh(stolen); got.status != 400 || got.text("error") != "invalid_grant" {
		s.t.Errorf("replayed: %d %s", got.status, got.body)
	}
	if got := refresh(third.text("refresh_token")); got.status != 400 {
		s.t.Errorf("the family lives: %d", got.status)
	}
	if got := s.bearer(http.MethodGet, "/v1/me", third.text("access_token")); got.status != 401 {
		s.t.Errorf("its access token lives: %d", got.status)
	}
}

func clientAuthentication(s *service) {
	access, refresh := s.login()
	for path, form := range map[string][]string{
		"/token": {"grant_type", "refresh_token", "refresh_token", refresh}, "/revoke": {"token", access}, "/introspect": {"token", access},
	} {
		for name, secret := range map[string]string{"no secret": "", "a wrong one": "wrong"} {
			if got := s.post(path, s.env["DEMO_CLIENT_ID"], secret, form...); got.status != 401 || got.text("error") != "invalid_client" {
				s.t.Errorf("%s with %s: %d %s", path, name, got.status, got.body)
			}
		}
	}
	if !s.active(access) {
		s.t.Error("somebody who is not the client revoked its token")
	}
}

func nothingInURLs(s *service) {
	access, _ := s.login()
	form := map[string]string{"Content-Type": formType}
	for path, body := range map[string]string{
		"/token?client_secret=" + s.env["DEMO_CLIENT_SECRET"]: "grant_type=client_credentials&client_id=" + s.env["DEMO_CLIENT_ID"],
		"/revoke?token=" + access:                             "", "/introspect?token=" + access: "",
	} {
		if got := s.send(s.request(http.MethodPost, path, body, form)); got.status != 400 {
			s.t.Errorf("%s: %d", strings.SplitN(path, "?", 2)[0], got.status)
		}
	}
	if got := s.send(s.request(http.MethodGet, "/v1/me?access_token="+access, "", nil)); got.status != 401 {
		s.t.Errorf("a token in the query was taken: %d", got.status)
	}
}

func nothingCached(s *service) {
	access, refresh := s.login()
	for name, got := range map[string]reply{
		"token":      s.refresh(refresh),
		"refused":    s.refresh("x"),
		"introspect": s.demo("/introspect", "token", access),
		"me":         s.bearer(http.MethodGet, "/v1/me", access),
		"revoke":     s.demo("/revoke", "token", "x"),
		"logout":     s.bearer(http.MethodPost, "/logout", access),
		"refusal":    s.bearer(http.MethodGet, "/v1/me", access),
	} {
		if header := got.header.Get("Cache-Control"); !strings.Contains(header, "no-store") {
			s.t.Errorf("%s: %d Cache-Control: %q", name, got.status, header)
		}
	}
}

func narrowTokens(s *service) {
	access, _ := s.login("scope", "resources:read")
	claims, err := s.verifier.Verify(s.t.Context(), access)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(claims.Audience) != 1 || claims.Audience[0] != audience || claims.Scopes != "resources:read" {
		s.t.Errorf("for %v with %q", claims.Audience, claims.Scopes)
	}
	if life := claims.Expires - claims.IssuedAt; life <= 0 || life > 600 {
		s.t.Errorf("lives %d s", life)
	}
}
