package app_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack/clerk"
)

// forge signs any header and claims, as somebody else's library would; nil
// removes a member.
func forge(t *testing.T, method jwt.SigningMethod, key any, header, claims map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims(claims))
	maps.Copy(token.Header, header)
	maps.DeleteFunc(token.Header, func(_ string, v any) bool { return v == nil })
	raw, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// forgeries are the tokens that must not open anything, by the code of their
// refusal. The sessions that they name are live.
func (w world) forgeries(t *testing.T) map[string]map[string]string {
	t.Helper()
	good := w.caller(t)
	key, kid := []byte(w.env["JWT_SECRET"]), w.keys[0].ID
	of := func(change map[string]any) map[string]any {
		c := good.claims
		m := map[string]any{
			"iss": c.Issuer, "aud": audience, "sub": c.Subject, "client_id": c.ClientID, "jti": c.ID, "sid": c.SessionID,
			"tenant": c.Tenant, "scope": string(c.Scopes), "iat": c.IssuedAt, "exp": c.Expires,
		}
		maps.Copy(m, change)
		return m
	}
	hs := func(change map[string]any) string {
		return forge(t, jwt.SigningMethodHS256, key, map[string]any{"typ": "at+jwt", "kid": kid}, of(change))
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	now := time.Now()
	short := good.token[:len(good.token)-1]
	return map[string]map[string]string{
		"token_malformed": {"garbage": "x", "no signature": short[:strings.LastIndex(short, ".")], "four parts": good.token + ".x", "a bad header": "e30x." + "e30.e30"},
		"token_signature": {
			"truncated": short, "no MAC": short[:strings.LastIndex(short, ".")+1],
			"another secret":           forge(t, jwt.SigningMethodHS256, []byte(rand.Text()+rand.Text()), map[string]any{"typ": "at+jwt", "kid": kid}, of(nil)),
			"a public key as a secret": forge(t, jwt.SigningMethodHS256, public, map[string]any{"typ": "at+jwt", "kid": kid}, of(nil)),
		},
		"token_algorithm": {
			"none":  forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, map[string]any{"typ": "at+jwt", "kid": kid}, of(nil)),
			"HS512": forge(t, jwt.SigningMethodHS512, key, map[string]any{"typ": "at+jwt", "kid": kid}, of(nil)),
			"RS256": forge(t, jwt.SigningMethodRS256, private, map[string]any{"typ": "at+jwt", "kid": kid}, of(nil)),
		},
		"token_type": {
			"JWT":  forge(t, jwt.SigningMethodHS256, key, map[string]any{"typ": "JWT", "kid": kid}, of(nil)),
			"none": forge(t, jwt.SigningMethodHS256, key, map[string]any{"typ": nil, "kid": kid}, of(nil)),
		},
		"token_key_unknown": {
			"another": forge(t, jwt.SigningMethodHS256, key, map[string]any{"typ": "at+jwt", "kid": "x"}, of(nil)),
			"none":    forge(t, jwt.SigningMethodHS256, key, map[string]any{"typ": "at+jwt"}, of(nil)),
		},
		"token_issuer":        {"another": hs(map[string]any{"iss": "https://evil.example"}), "with a slash": hs(map[string]any{"iss": issuer + "/"})},
		"token_audience":      {"another": hs(map[string]any{"aud": "other"}), "none": hs(map[string]any{"aud": []string{}})},
		"token_expired":       {"long ago": hs(map[string]any{"exp": now.Add(-time.Hour).Unix()}), "just now": hs(map[string]any{"exp": now.Unix()})},
		"token_not_yet_valid": {"nbf": hs(map[string]any{"nbf": now.Add(time.Hour).Unix()}), "iat": hs(map[string]any{"iat": now.Add(time.Hour).Unix()})},
		"token_claims":        {"no tenant": hs(map[string]any{"tenant": ""}), "a number": hs(map[string]any{"sub": 7})},
		"token_revoked":       {"never issued": hs(map[string]any{"jti": "x"}), "another session": hs(map[string]any{"sid": "x"})},
	}
}

func TestForgedTokensOpenNothing(t *testing.T) {
	t.Parallel()
	w, i, _ := serving(t)
	by := w.caller(t)
	path, _ := i.create(t, by, `{"type":"invoice","name":"n"}`)
	i.call(t, by, "GET", path, "")
	for code, tokens := range w.forgeries(t) {
		for name, token := range tokens {
			for _, op := range operations(path) {
				got := i.call(t, caller{token: token}, op.method, op.path, op.body)
				if p, _ := got.problem(t); got.status != 401 || p != code {
					t.Errorf("%s, %s: %s: %d %s", code, name, op.method, got.status, got.body)
				}
				if !strings.Contains(got.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
					t.Errorf("%s: challenge %q", code, got.header.Get("WWW-Authenticate"))
				}
			}
		}
	}
	for _, op := range operations(path) {
		i.call(t, caller{}, op.method, op.path, op.body).is(t, 401, "token_missing")
		i.call(t, caller{}, op.method, op.path, op.body, "Authorization", "Basic eDp5").is(t, 401, "token_missing")
		i.call(t, caller{}, op.method, op.path+"?access_token="+by.token, op.body).is(t, 401, "token_missing")
	}
	if got := i.call(t, by, "GET", path, ""); got.resource(t).Version != 1 {
		t.Errorf("something changed: %s", got.body)
	}
}

func TestScopesAreAskedFor(t *testing.T) {
	t.Parallel()
	w, i, _ := serving(t)
	by := w.caller(t)
	path, _ := i.create(t, by, `{"type":"invoice","name":"n"}`)
	for _, op := range operations(path) {
		for _, scopes := range []string{"", "admin", "resources", "resources:readwrite", map[string]string{
			"resources:read": "resources:write", "resources:write": "resources:read",
		}[op.scope]} {
			got := i.call(t, w.caller(t, inTenant(by.claims.Tenant), withScopes(scopes)), op.method, op.path, op.body)
			got.is(t, 403, "insufficient_scope")
			if want := `scope="` + op.scope + `"`; !strings.HasSuffix(got.header.Get("WWW-Authenticate"), want) {
				t.Errorf("challenge %q, want %s", got.header.Get("WWW-Authenticate"), want)
			}
		}
	}
	reader := w.caller(t, inTenant(by.claims.Tenant), withScopes("x resources:read"))
	if got := i.call(t, reader, "GET", path, ""); got.status != 200 {
		t.Errorf("a reader: %d", got.status)
	}
}

func TestARevokedTokenLearnsNothingFromTheCache(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	by := w.caller(t)
	path, made := i.create(t, by, `{"type":"invoice","name":"a name nobody else has"}`)
	for range 2 {
		if got := i.call(t, by, "GET", path, ""); got.status != 200 {
			t.Fatal(got.body)
		}
	}
	w.revoke(t, by)
	for _, at := range []*instance{i, next} {
		for _, header := range [][]string{nil, {"If-None-Match", `"1"`}, {"Cache-Control", "no-cache"}} {
			got := at.call(t, by, "GET", path, "", header...)
			got.is(t, 401, "token_revoked")
			if strings.Contains(got.body, "nobody else") || strings.Contains(got.body, made.ID) ||
				got.header.Get("ETag") != "" || got.header.Get("Cache-Status") != "" || got.header.Get("Content-Length") == "" {
				t.Errorf("left of the answer: %v %s", got.header, got.body)
			}
		}
		// Whether a resource is there is not told either.
		at.call(t, by, "GET", "/v1/resources/00000000-0000-0000-0000-000000000000", "").is(t, 401, "token_revoked")
		at.call(t, by, "GET", "/v1/resources/x", "").is(t, 401, "token_revoked")
	}
	ended := w.caller(t, inTenant(by.claims.Tenant))
	w.redis.Del(t.Context(), bearer.SessionKey(ended.claims.Subject, ended.claims.SessionID))
	i.call(t, ended, "GET", path, "").is(t, 401, "token_revoked")
}

func TestClerkSessionsAreLetIn(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	alone, session := w.visitor(t, clerk.Wish{})
	path, made := i.create(t, alone, `{"type":"invoice","name":"n"}`)
	if made.Tenant != session.UserID || made.Owner != session.UserID {
		t.Errorf("without an organisation: %+v", made)
	}
	if got := next.call(t, alone, "GET", path, ""); got.status != 200 {
		t.Errorf("through the other instance: %d %s", got.status, got.body)
	}
	admin, _ := w.visitor(t, clerk.Wish{OrgID: "org_1", OrgRole: "org:admin"})
	member, _ := w.visitor(t, clerk.Wish{OrgID: "org_1"})
	path, made = i.create(t, admin, `{"type":"invoice","name":"n"}`)
	if got := i.call(t, member, "DELETE", path, ""); got.status != 204 || made.Tenant != "org_1" {
		t.Errorf("in one organisation: %d %+v", got.status, made)
	}
	past := -10
	expired, _ := w.visitor(t, clerk.Wish{ExpiresIn: &past})
	pending, _ := w.visitor(t, clerk.Wish{Pending: true})
	ended, over := w.visitor(t, clerk.Wish{})
	w.stack.Clerk.EndSession(over.SessionID)
	elsewhere, err := w.stack.Clerk.Sign(w.sessionClaims(session, map[string]any{"azp": "https://other.example"}))
	if err != nil {
		t.Fatal(err)
	}
	forged := alone.token[:len(alone.token)-8] + "AAAAAAAA"
	for code, token := range map[string]string{
		"token_expired": expired.token, "clerk_session_pending": pending.token, "clerk_session_ended": ended.token,
		"clerk_party": elsewhere, "token_signature": forged,
	} {
		for _, op := range operations(path) {
			i.call(t, caller{token: token}, op.method, op.path, op.body).is(t, 401, code)
		}
	}
}
