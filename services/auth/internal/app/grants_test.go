package app_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tandem.example/pkg/devstack"
	"tandem.example/services/auth/internal/clients"
)

func TestPasswordGrant(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	got := s.demo("/token", "grant_type", "password", "username", s.env["DEMO_USER"], "password", s.env["DEMO_PASSWORD"])
	if got.status != 200 || got.text("token_type") != "Bearer" || got.text("scope") != "resources:read resources:write" || got.text("refresh_token") == "" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Pragma") != "no-cache" {
		t.Errorf("may be cached: %v", got.header)
	}
	claims, err := s.verifier.Verify(s.t.Context(), got.text("access_token"))
	if err != nil {
		t.Fatal(err)
	}
	if claims.Tenant != claims.Subject || claims.ClientID != "demo-client" || claims.SessionID == "" || !claims.Audience.Has(audience) {
		t.Errorf("%+v", claims)
	}
	// 10 minutes, less up to 5 %.
	if life := time.Duration(claims.Expires-claims.IssuedAt) * time.Second; life < 569*time.Second || life > 600*time.Second {
		t.Errorf("lives %s", life)
	}
	me := s.bearer(http.MethodGet, "/v1/me", got.text("access_token"))
	if me.status != 200 || me.text("login") != "demo" || me.text("sub") != claims.Subject || me.text("tenant") != claims.Subject {
		t.Errorf("me: %d %s", me.status, me.body)
	}
}

func TestRefusedLoginsLookAlike(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	if err := s.users.Put(t.Context(), "gone", "correct horse", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ownerExec(`UPDATE users SET disabled = true WHERE login = 'gone'`); err != nil {
		t.Fatal(err)
	}
	var first reply
	for _, pair := range [][2]string{
		{"demo", "wrong password"},
		{"nobody", "correct horse"},
		{"gone", "correct horse"},
		{"gone", "wrong password"},
		{"demo", "short"},
		{"a\x01b", "correct horse"},
		{strings.Repeat("x", 300), "correct horse"},
		{"demo", strings.Repeat("x", 200)},
	} {
		got := s.demo("/token", "grant_type", "password", "username", pair[0], "password", pair[1])
		if got.status != 400 || got.text("error") != "invalid_grant" {
			t.Errorf("%q: %d %s", pair[0], got.status, got.body)
		}
		if first.status == 0 {
			first = got
		} else if got.body != first.body {
			t.Errorf("%q differs: %s", pair[0], got.body)
		}
	}
}

func TestLoginNamesAreNormalised(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	if err := s.users.Put(t.Context(), "  Ame\u0301lie ", "pa\u0301ssword", nil); err != nil {
		t.Fatal(err)
	}
	got := s.demo("/token", "grant_type", "password", "username", "Am\u00e9lie", "password", "p\u00e1ssword")
	if got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
}

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	got := s.post("/token", s.env["DEMO_ADMIN_CLIENT_ID"], s.env["DEMO_ADMIN_CLIENT_SECRET"], "grant_type", "client_credentials", "scope", "admin")
	if got.status != 200 || got.text("scope") != "admin" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if _, there := got.json()["refresh_token"]; there {
		t.Error("a refresh token for a client that can come back (RFC 6749 §4.4.3)")
	}
	claims, err := s.verifier.Verify(s.t.Context(), got.text("access_token"))
	if err != nil || claims.Subject != "demo-admin" || claims.ClientID != "demo-admin" {
		t.Errorf("%+v, %v", claims, err)
	}
	if !s.active(got.text("access_token")) {
		t.Error("not active")
	}
}

func TestWhatClientsMayAskFor(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	put := func(r clients.Record) {
		t.Helper()
		if err := s.clients.Put(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	all := []string{"password", "refresh_token", "client_credentials"}
	put(clients.Record{Client: clients.Client{ID: "third", Grants: all, Scopes: "resources:read"}, Digest: clients.Digest("s")})
	put(clients.Record{Client: clients.Client{ID: "app", Grants: all, Scopes: "resources:read", Public: true, FirstParty: true}})
	put(clients.Record{Client: clients.Client{ID: "off", Grants: all, Scopes: "resources:read"}, Digest: clients.Digest("s"), Disabled: true})
	put(clients.Record{Client: clients.Client{ID: "more", Grants: all, Scopes: "resources:read", Audiences: []string{"other"}}, Digest: clients.Digest("s")})
	user := []string{"grant_type", "password", "username", "demo", "password", s.env["DEMO_PASSWORD"]}
	for name, test := range map[string]struct {
		got    reply
		status int
		code   string
	}{
		"password for a third party":    {s.post("/token", "third", "s", user...), 400, "unauthorized_client"},
		"password for a public client":  {s.post("/token", "app", "", user...), 200, ""},
		"a public client with a secret": {s.post("/token", "app", "s", user...), 401, "invalid_client"},
		"public client_credentials":     {s.post("/token", "app", "", "grant_type", "client_credentials"), 400, "unauthorized_client"},
		"public introspection":          {s.post("/introspect", "app", "", "token", "x"), 401, "invalid_client"},
		"a disabled client":             {s.post("/token", "off", "s", "grant_type", "client_credentials"), 401, "invalid_client"},
		"a wrong secret":                {s.post("/token", "third", "x", "grant_type", "client_credentials"), 401, "invalid_client"},
		"no secret":                     {s.post("/token", "third", "", "grant_type", "client_credentials"), 401, "invalid_client"},
		"an unknown client":             {s.post("/token", "nobody", "s", "grant_type", "client_credentials"), 401, "invalid_client"},
		"a grant that is not allowed":   {s.post("/token", "demo-admin", s.env["DEMO_ADMIN_CLIENT_SECRET"], user...), 400, "unauthorized_client"},
		"a scope that is not allowed":   {s.demo("/token", append(user, "scope", "resources:read admin")...), 400, "invalid_scope"},
		"part of the scope":             {s.demo("/token", append(user, "scope", "resources:read")...), 200, ""},
		"a malformed scope":             {s.demo("/token", append(user, "scope", "resources:read  x")...), 400, "invalid_scope"},
		"another audience":              {s.post("/token", "more", "s", "grant_type", "client_credentials", "audience", "other"), 200, ""},
		"an audience not allowed":       {s.post("/token", "third", "s", "grant_type", "client_credentials", "audience", "other"), 400, "invalid_target"},
		"a resource":                    {s.post("/token", "third", "s", "grant_type", "client_credentials", "resource", "https://x"), 400, "invalid_target"},
		"exchange without Clerk":        {s.demo("/token", "grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), 400, "unsupported_grant_type"},
	} {
		if test.got.status != test.status || test.got.text("error") != test.code {
			t.Errorf("%s: %d %s", name, test.got.status, test.got.body)
		}
		if challenge := test.got.header.Get("WWW-Authenticate"); (test.status == 401) != strings.HasPrefix(challenge, "Basic ") {
			t.Errorf("%s: challenge %q", name, challenge)
		}
	}
	other := s.post("/token", "more", "s", "grant_type", "client_credentials", "audience", "other").text("access_token")
	if got := s.bearer(http.MethodGet, "/v1/me", other); got.status != 401 || got.text("code") != "token_audience" {
		t.Errorf("a token for another audience was taken here: %d %s", got.status, got.body)
	}
	if !s.active(other) {
		t.Error("its issuer does not know it")
	}
}

// The form as RFC 6749 §3.2 and §2.3.1 want it.
func TestRequestsAreReadStrictly(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	id, secret := s.env["DEMO_CLIENT_ID"], s.env["DEMO_CLIENT_SECRET"]
	if err := s.clients.Put(t.Context(), clients.Record{
		Client: clients.Client{ID: "odd", Grants: []string{"client_credentials"}, Scopes: "resources:read"}, Digest: clients.Digest("a+b c:d%/é"),
	}); err != nil {
		t.Fatal(err)
	}
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	good := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}.Encode()
	for name, test := range map[string]struct {
		path, body, contentType string
		authorization           []string
		status                  int
		code                    string
	}{
		"nothing wrong":             {"/token", good, formType, nil, 200, ""},
		"with a charset":            {"/token", good, formType + "; charset=UTF-8", nil, 200, ""},
		"an unknown parameter":      {"/token", good + "&x=y", formType, nil, 200, ""},
		"an empty parameter":        {"/token", good + "&scope=", formType, nil, 200, ""},
		"basic":                     {"/token", "grant_type=client_credentials", formType, []string{basic(id, secret)}, 200, ""},
		"basic, form-encoded":       {"/token", "grant_type=client_credentials", formType, []string{basic("odd", url.QueryEscape("a+b c:d%/é"))}, 200, ""},
		"basic, not encoded":        {"/token", "grant_type=client_credentials", formType, []string{basic("odd", "a+b c:d%/é")}, 401, "invalid_client"},
		"basic and the same id":     {"/token", "grant_type=client_credentials&client_id=" + id, formType, []string{basic(id, secret)}, 200, ""},
		"basic and another id":      {"/token", "grant_type=client_credentials&client_id=x", formType, []string{basic(id, secret)}, 400, "invalid_request"},
		"basic and a secret":        {"/token", good, formType, []string{basic(id, secret)}, 400, "invalid_request"},
		"basic twice":               {"/token", "grant_type=client_credentials", formType, []string{basic(id, secret), basic(id, secret)}, 400, "invalid_request"},
		"basic without a colon":     {"/token", good, formType, []string{"Basic eHg="}, 400, "invalid_request"},
		"no client":                 {"/token", "grant_type=client_credentials", formType, nil, 401, "invalid_client"},
		"a bearer as client":        {"/token", "grant_type=client_credentials", formType, []string{"Bearer x"}, 401, "invalid_client"},
		"repeated parameter":        {"/token", good + "&grant_type=client_credentials", formType, nil, 400, "invalid_request"},
		"repeated empty parameter":  {"/token", good + "&scope=&scope=", formType, nil, 400, "invalid_request"},
		"malformed escape":          {"/token", good + "&x=%zz", formType, nil, 400, "invalid_request"},
		"malformed UTF-8":           {"/token", good + "&x=%ff", formType, nil, 400, "invalid_request"},
		"a name that is empty":      {"/token", good + "&&", formType, nil, 400, "invalid_request"},
		"too many parameters":       {"/token", good + strings.Join(manyFields(), ""), formType, nil, 400, "invalid_request"},
		"JSON":                      {"/token", `{"grant_type":"client_credentials"}`, "application/json", nil, 400, "invalid_request"},
		"no content type":           {"/token", good, "", nil, 400, "invalid_request"},
		"an empty body":             {"/token", "", formType, nil, 401, "invalid_client"},
		"a query":                   {"/token?" + good, "", formType, nil, 400, "invalid_request"},
		"no grant type":             {"/token", strings.Replace(good, "grant_type", "x", 1), formType, nil, 400, "invalid_request"},
		"an unknown grant type":     {"/token", strings.Replace(good, "=client_credentials", "=magic", 1), formType, nil, 400, "unsupported_grant_type"},
		"password without a name":   {"/token", strings.Replace(good, "=client_credentials", "=password", 1), formType, nil, 400, "invalid_request"},
		"refresh without a token":   {"/token", strings.Replace(good, "=client_credentials", "=refresh_token", 1), formType, nil, 400, "invalid_request"},
		"revoke without a token":    {"/revoke", good, formType, nil, 400, "invalid_request"},
		"introspect without one":    {"/introspect", good, formType, nil, 400, "invalid_request"},
		"introspect without client": {"/introspect", "token=x", formType, nil, 401, "invalid_client"},
		"revoke without a client":   {"/revoke", "token=x", formType, nil, 401, "invalid_client"},
		"introspect nonsense":       {"/introspect", good + "&token=nonsense", formType, nil, 200, ""},
		"revoke nonsense":           {"/revoke", good + "&token=nonsense", formType, nil, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := s.request(http.MethodPost, test.path, test.body, map[string]string{"Content-Type": test.contentType})
			r.Header["Authorization"] = test.authorization
			got := s.send(r)
			if got.status != test.status || got.text("error") != test.code {
				t.Errorf("%d %s", got.status, got.body)
			}
			if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Pragma") != "no-cache" {
				t.Errorf("may be cached: %v", got.header)
			}
			if test.code != "" && (len(got.json()) != 2 || got.header.Get("Content-Type") != "application/json") {
				t.Errorf("not the form of RFC 6749 §5.2: %s", got.body)
			}
		})
	}
}

func manyFields() []string {
	fields := make([]string, 0, 40)
	for i := range 40 {
		fields = append(fields, "&f"+string(rune('A'+i))+"=1")
	}
	return fields
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true})
	got := s.send(s.request(http.MethodGet, "/.well-known/oauth-authorization-server", "", nil))
	m := got.json()
	if got.status != 200 || m["issuer"] != "https://auth.example" || m["token_endpoint"] != "https://auth.example/token" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if grants, _ := m["grant_types_supported"].([]any); len(grants) != 4 {
		t.Errorf("grants: %v", grants)
	}
	for _, name := range []string{"token_endpoint", "revocation_endpoint", "introspection_endpoint"} {
		path := strings.TrimPrefix(m[name].(string), "https://auth.example")
		if got := s.send(s.request(http.MethodPost, path, "", map[string]string{"Content-Type": formType})); got.status != 401 {
			t.Errorf("%s is not served: %d", path, got.status)
		}
	}
	if got := s.send(s.request(http.MethodGet, "/.well-known/jwks.json", "", nil)); got.body != `{"keys":[]}` {
		t.Errorf("keys: %s", got.body)
	}
}
