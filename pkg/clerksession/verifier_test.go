package clerksession

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clerk/clerk-sdk-go/v2"
	"github.com/golang-jwt/jwt/v5"

	"tandem.example/pkg/bearer"
)

const (
	ourIssuer = "https://clerk.example.com"
	ourParty  = "https://app.example.com"
)

var signingKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func clerkKey(tb testing.TB) *rsa.PrivateKey {
	tb.Helper()
	key, err := signingKey()
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func verifierFor(tb testing.TB, cfg Config) *Verifier {
	tb.Helper()
	jwk := &clerk.JSONWebKey{Key: &clerkKey(tb).PublicKey, KeyID: "ins_1", Algorithm: "RS256", Use: "sig"}
	fetch := func(context.Context) ([]*clerk.JSONWebKey, error) { return []*clerk.JSONWebKey{jwk}, nil }
	return &Verifier{cfg: cfg, keys: newKeyCache(fetch, time.Now), now: time.Now}
}

func ourConfig() Config {
	return Config{Issuer: ourIssuer, AuthorizedParties: []string{ourParty}}
}

// token signs claims as Clerk does, changed as the case asks; nil removes.
func token(tb testing.TB, header, change map[string]any) string {
	tb.Helper()
	now := time.Now()
	claims := jwt.MapClaims{
		"v": 2, "iss": ourIssuer, "azp": ourParty, "sub": "user_1", "sid": "sess_1", "sts": "active",
		"iat": now.Unix(), "nbf": now.Add(-10 * time.Second).Unix(), "exp": now.Add(time.Minute).Unix(), "fva": []int{0, -1},
	}
	maps.Copy(claims, change)
	for name, value := range claims {
		if value == nil {
			delete(claims, name)
		}
	}
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	t.Header["kid"] = "ins_1"
	maps.Copy(t.Header, header)
	for name, value := range t.Header {
		if value == nil {
			delete(t.Header, name)
		}
	}
	raw, err := t.SignedString(clerkKey(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

type members = map[string]any

func TestPolicy(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, test := range map[string]struct {
		header, change members
		want           error
	}{
		"nothing wrong":                   {nil, nil, nil},
		"issuer begins with clerk.":       {nil, members{"iss": "https://clerk.evil.example"}, bearer.ErrIssuer},
		"issuer contains .clerk.accounts": {nil, members{"iss": "https://x.clerk.accounts.evil.example"}, bearer.ErrIssuer},
		"issuer with a slash":             {nil, members{"iss": ourIssuer + "/"}, bearer.ErrIssuer},
		"no issuer":                       {nil, members{"iss": nil}, bearer.ErrClaims},
		"no exp":                          {nil, members{"exp": nil}, bearer.ErrClaims},
		"expired":                         {nil, members{"exp": now.Add(-10 * time.Second).Unix()}, bearer.ErrExpired},
		"not yet valid":                   {nil, members{"nbf": now.Add(time.Minute).Unix()}, bearer.ErrEarly},
		"issued in the future":            {nil, members{"iat": now.Add(time.Minute).Unix()}, bearer.ErrEarly},
		"no sid":                          {nil, members{"sid": nil}, bearer.ErrClaims},
		"no sub":                          {nil, members{"sub": nil}, bearer.ErrClaims},
		"sid that leaves its path":        {nil, members{"sid": "sess_1/../../users"}, bearer.ErrClaims},
		"sid that leaves its slot":        {nil, members{"sid": "sess_1}x"}, bearer.ErrClaims},
		"sub that is no user":             {nil, members{"sub": "sess_1"}, bearer.ErrClaims},
		"sub with a query":                {nil, members{"sub": "user_1?x=y"}, bearer.ErrClaims},
		"any aud":                         {nil, members{"aud": "somebody"}, bearer.ErrAudience},
		"any auds":                        {nil, members{"aud": []string{"somebody"}}, bearer.ErrAudience},
		"other typ":                       {members{"typ": "at+jwt"}, nil, bearer.ErrType},
		"no typ":                          {members{"typ": nil}, nil, bearer.ErrType},
		"pending":                         {nil, members{"sts": "pending"}, ErrPending},
		"unknown status":                  {nil, members{"sts": "new"}, ErrPending},
		"no status":                       {nil, members{"sts": nil}, nil},
		"empty azp":                       {nil, members{"azp": ""}, ErrParty},
		"no azp":                          {nil, members{"azp": nil}, ErrParty},
		"other azp":                       {nil, members{"azp": ourParty + ".evil.example"}, ErrParty},
		"unknown version":                 {nil, members{"v": 3}, bearer.ErrClaims},
		"org that is none":                {nil, members{"o": members{"id": "user_1"}}, bearer.ErrClaims},
		"role that is two":                {nil, members{"o": members{"id": "org_1", "rol": "member admin"}}, bearer.ErrClaims},
		"role of another form":            {nil, members{"o": members{"id": "org_1", "rol": "mémber"}}, bearer.ErrClaims},
		"unknown kid":                     {members{"kid": "ins_2"}, nil, bearer.ErrKey},
		"no kid":                          {members{"kid": nil}, nil, bearer.ErrKey},
		"critical extension":              {members{"crit": []string{"x"}}, nil, bearer.ErrMalformed},
		"claim of a wrong type":           {nil, members{"azp": 7}, bearer.ErrClaims},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := verifierFor(t, ourConfig()).Verify(t.Context(), token(t, test.header, test.change))
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if err != nil && got != (Session{}) {
				t.Fatalf("a refused token left %+v", got)
			}
		})
	}
}

func TestLeeway(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Second)
	v := verifierFor(t, ourConfig())
	v.now = func() time.Time { return now }
	at := func(ago time.Duration) int64 { return now.Add(-ago).Unix() }
	for ago, want := range map[time.Duration]error{2 * time.Second: nil, 10 * time.Second: bearer.ErrExpired} {
		raw := token(t, nil, members{"iat": at(ago + time.Minute), "nbf": at(ago + time.Minute), "exp": at(ago)})
		if _, err := v.Verify(t.Context(), raw); !errors.Is(err, want) {
			t.Errorf("expired %v ago: %v", ago, err)
		}
	}
}

func TestForgeries(t *testing.T) {
	t.Parallel()
	good := token(t, nil, nil)
	header, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	for name, test := range map[string]struct {
		raw  string
		want error
	}{
		"empty":           {"", bearer.ErrMalformed},
		"truncated":       {good[:len(good)-8], bearer.ErrSignature},
		"no signature":    {header + "." + payload + ".", bearer.ErrSignature},
		"other payload":   {header + "." + b64([]byte(`{"sub":"user_2"}`)) + "." + signature, bearer.ErrSignature},
		"alg none":        {b64([]byte(`{"alg":"none","typ":"JWT","kid":"ins_1"}`)) + "." + payload + ".", bearer.ErrAlgorithm},
		"alg HS256":       {b64([]byte(`{"alg":"HS256","typ":"JWT","kid":"ins_1"}`)) + "." + payload + "." + signature, bearer.ErrAlgorithm},
		"alg RS512":       {b64([]byte(`{"alg":"RS512","typ":"JWT","kid":"ins_1"}`)) + "." + payload + "." + signature, bearer.ErrAlgorithm},
		"five parts":      {good + ".x.y", bearer.ErrMalformed},
		"too long":        {strings.Repeat("a", maxToken+1), bearer.ErrMalformed},
		"header no JSON":  {b64([]byte(`x`)) + "." + payload + "." + signature, bearer.ErrMalformed},
		"JSON signature":  {`{"payload":"` + payload + `","signatures":[]}`, bearer.ErrMalformed},
		"header no token": {"." + payload + "." + signature, bearer.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := verifierFor(t, ourConfig()).Verify(t.Context(), test.raw); !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestOrganisationOfBothVersions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change    members
		org, role string
	}{
		"version 2":                           {members{"o": members{"id": "org_2", "rol": "admin"}}, "org_2", "org:admin"},
		"version 2 with a prefix":             {members{"o": members{"id": "org_2", "rol": "org:admin"}}, "org_2", "org:admin"},
		"version 2 without an organisation":   {nil, "", ""},
		"version 2 with a top-level org_id":   {members{"org_id": "org_1", "org_role": "org:admin"}, "", ""},
		"version 1":                           {members{"v": nil, "org_id": "org_1", "org_role": "org:member"}, "org_1", "org:member"},
		"version 1 without a prefix":          {members{"v": nil, "org_id": "org_1", "org_role": "basic_member"}, "org_1", "org:basic_member"},
		"version 1 without a role":            {members{"v": 1, "org_id": "org_1"}, "org_1", ""},
		"version 1 with an object of 2":       {members{"v": nil, "o": members{"id": "org_2", "rol": "admin"}}, "", ""},
		"version 1 with a role and no org_id": {members{"v": 1, "org_role": "org:admin"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := verifierFor(t, ourConfig()).Verify(t.Context(), token(t, nil, test.change))
			if err != nil || got.OrgID != test.org || got.OrgRole != test.role {
				t.Fatalf("got %+v, %v", got, err)
			}
		})
	}
}

func TestExplicitSettingsWiden(t *testing.T) {
	t.Parallel()
	cfg := ourConfig()
	cfg.AllowNoParty, cfg.Audience = true, "tandem"
	for _, change := range []members{{"azp": nil}, {"aud": "tandem"}, {"aud": []string{"x", "tandem"}}, {"aud": nil}} {
		if _, err := verifierFor(t, cfg).Verify(t.Context(), token(t, nil, change)); err != nil {
			t.Errorf("%v: %v", change, err)
		}
	}
}

func TestPrincipal(t *testing.T) {
	t.Parallel()
	alone := Session{ID: "sess_1", UserID: "user_1", Party: ourParty, Scopes: "resources:read"}.Principal()
	if alone.Tenant != "user_1" || alone.Roles != nil || !alone.External || alone.Scopes != "resources:read" {
		t.Errorf("without an organisation: %+v", alone)
	}
	admin := Session{ID: "sess_1", UserID: "user_1", OrgID: "org_1", OrgRole: "org:admin"}.Principal()
	if admin.Tenant != "org_1" || admin.Roles[0] != "org:admin" || admin.Subject != "user_1" {
		t.Errorf("an organisation's admin: %+v", admin)
	}
}

func TestIssued(t *testing.T) {
	t.Parallel()
	v := verifierFor(t, ourConfig())
	if !v.Issued(token(t, nil, nil)) || v.Issued(token(t, nil, members{"iss": "https://other.example"})) || v.Issued("") || v.Issued("a.%.b") {
		t.Error("Issued is wrong")
	}
}

func FuzzVerify(f *testing.F) {
	v := verifierFor(f, ourConfig())
	f.Add(token(f, nil, nil))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, raw string) {
		_ = v.Issued(raw)
		s, err := v.Verify(t.Context(), raw)
		if err == nil && s.UserID != "user_1" {
			t.Fatalf("accepted %q", raw)
		}
	})
}
