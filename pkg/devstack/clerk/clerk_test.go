package clerk_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	sdk "github.com/clerk/clerk-sdk-go/v2"
	"github.com/clerk/clerk-sdk-go/v2/jwks"
	"github.com/clerk/clerk-sdk-go/v2/jwt"
	"github.com/clerk/clerk-sdk-go/v2/session"
	"github.com/clerk/clerk-sdk-go/v2/user"

	"tandem.example/pkg/devstack/certs"
	"tandem.example/pkg/devstack/clerk"
	"tandem.example/pkg/devstack/leak"
)

const secretKey = "sk_test_for_these_tests_alone"

func TestMain(m *testing.M) { leak.Main(m) }

func start(t *testing.T) (*clerk.Server, *http.Client) {
	t.Helper()
	ca, err := certs.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := ca.Issue("server", "localhost")
	if err != nil {
		t.Fatal(err)
	}
	s, err := clerk.Start(t.Context(), clerk.Options{
		CertFile: cert, KeyFile: key, SecretKey: secretKey, AuthorizedParty: "https://app.test",
	})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		s.Close()
	})
	return s, &http.Client{Transport: transport}
}

func backend(s *clerk.Server, c *http.Client, key string) *sdk.ClientConfig {
	return &sdk.ClientConfig{BackendConfig: sdk.BackendConfig{
		HTTPClient: c, URL: new(s.URL() + "/v1"), Key: new(key),
	}}
}

// verify is the way of Clerk's own library: it fetches the keys and checks.
func verify(ctx context.Context, conf *sdk.ClientConfig, token string) (*sdk.SessionClaims, error) {
	return jwt.Verify(ctx, &jwt.VerifyParams{
		Token: token, JWKSClient: jwks.NewClient(conf),
		CustomClaimsConstructor: func(context.Context) any { return &extra{} },
		AuthorizedPartyHandler:  func(azp string) bool { return azp == "https://app.test" },
		IsSatellite:             true, // do not insist on an issuer under clerk's domains
	})
}

type extra struct {
	Version int    `json:"v"`
	Status  string `json:"sts"`
	Org     struct {
		ID   string `json:"id"`
		Role string `json:"rol"`
	} `json:"o"`
}

func TestClerksLibraryAcceptsTheTokens(t *testing.T) {
	t.Parallel()
	s, client := start(t)
	conf := backend(s, client, secretKey)
	token, err := s.SessionToken(clerk.Wish{UserID: "user_1", OrgID: "org_1", OrgRole: "org:admin"})
	if err != nil {
		t.Fatal(err)
	}
	claims, err := verify(t.Context(), conf, token.JWT)
	if err != nil {
		t.Fatal(err)
	}
	if claims.Subject != "user_1" || claims.SessionID != token.SessionID || claims.Issuer != s.Issuer() {
		t.Fatalf("claims: %+v", claims.RegisteredClaims)
	}
	if life := *claims.Expiry - *claims.IssuedAt; life != 60 {
		t.Errorf("the token lives %d s", life)
	}
	if e, ok := claims.Custom.(*extra); !ok || e.Version != 2 || e.Status != "active" || e.Org.ID != "org_1" || e.Org.Role != "admin" {
		t.Errorf("claims: %+v", claims.Custom)
	}
	held, err := session.NewClient(conf).Get(t.Context(), token.SessionID)
	if err != nil || held.Status != "active" || held.UserID != "user_1" {
		t.Fatalf("session %+v: %v", held, err)
	}
	person, err := user.NewClient(conf).Get(t.Context(), "user_1")
	if err != nil || person.ID != "user_1" || len(person.EmailAddresses) != 1 || person.Banned {
		t.Fatalf("user %+v: %v", person, err)
	}
	if n := s.Calls("GET /v1/sessions/{id}"); n != 1 {
		t.Errorf("%d calls counted", n)
	}
}

func TestBackendWantsItsKey(t *testing.T) {
	t.Parallel()
	s, client := start(t)
	token, err := s.SessionToken(clerk.Wish{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = session.NewClient(backend(s, client, "sk_test_other")).Get(t.Context(), token.SessionID)
	if status(err) != http.StatusUnauthorized {
		t.Errorf("a wrong key: %v", err)
	}
	_, err = session.NewClient(backend(s, client, secretKey)).Get(t.Context(), "sess_unknown")
	if status(err) != http.StatusNotFound {
		t.Errorf("an unknown session: %v", err)
	}
}

func status(err error) int {
	if e, ok := errors.AsType[*sdk.APIErrorResponse](err); ok {
		return e.HTTPStatusCode
	}
	return 0
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	s, client := start(t)
	conf := session.NewClient(backend(s, client, secretKey))
	end := map[string]func(id string){
		"ended": func(id string) {
			if code, _ := post(t, client, s.URL()+"/dev/sessions/"+id+"/end", ""); code != http.StatusOK {
				t.Errorf("end: %d", code)
			}
		},
		"revoked": func(id string) {
			if _, err := conf.Revoke(t.Context(), &session.RevokeParams{ID: id}); err != nil {
				t.Error(err)
			}
		},
	}
	for want, how := range end {
		token, err := s.SessionToken(clerk.Wish{})
		if err != nil {
			t.Fatal(err)
		}
		how(token.SessionID)
		if held, err := conf.Get(t.Context(), token.SessionID); err != nil || held.Status != want {
			t.Errorf("want %s, got %+v: %v", want, held, err)
		}
	}
	if code, _ := post(t, client, s.URL()+"/dev/sessions/sess_unknown/end", ""); code != http.StatusNotFound {
		t.Errorf("an unknown session: %d", code)
	}
}

func TestRotationWithdrawsTheOldKey(t *testing.T) {
	t.Parallel()
	s, client := start(t)
	conf := backend(s, client, secretKey)
	before, err := s.SessionToken(clerk.Wish{})
	if err != nil {
		t.Fatal(err)
	}
	if code, _ := post(t, client, s.URL()+"/dev/rotate-keys", ""); code != http.StatusOK {
		t.Fatal(code)
	}
	after, err := s.SessionToken(clerk.Wish{SessionID: before.SessionID})
	if err != nil || after.UserID != before.UserID {
		t.Fatalf("another token of the session: %+v, %v", after, err)
	}
	if _, err := verify(t.Context(), conf, before.JWT); err == nil {
		t.Error("the withdrawn key is still published")
	}
	if _, err := verify(t.Context(), conf, after.JWT); err != nil {
		t.Error(err)
	}
}

func TestDevSessionToken(t *testing.T) {
	t.Parallel()
	s, client := start(t)
	for body, want := range map[string]int{
		"":   http.StatusOK,
		"{}": http.StatusOK,
		`{"user_id":"user_a","org_id":"org_b","org_role":"org:admin","expires_in":-5}`: http.StatusOK,
		`{"user_id":"a b"}`:    http.StatusUnprocessableEntity,
		`{"org_role":"admin"}`: http.StatusUnprocessableEntity,
		`{"sub":"x"}`:          http.StatusBadRequest,
		`{} {}`:                http.StatusBadRequest,
		`{"user_id":"` + strings.Repeat("a", 1<<17): http.StatusBadRequest,
	} {
		code, answer := post(t, client, s.URL()+"/dev/session-token", body)
		if code != want {
			t.Errorf("%.40s: %d, want %d", body, code, want)
		}
		var token clerk.Token
		if err := json.Unmarshal(answer, &token); err != nil || want == http.StatusOK && (token.JWT == "" || token.SessionID == "" || token.UserID == "") {
			t.Errorf("%.40s: %s", body, answer)
		}
	}
	expired := -5
	token, err := s.SessionToken(clerk.Wish{ExpiresIn: &expired})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify(t.Context(), backend(s, client, secretKey), token.JWT); err == nil {
		t.Error("a token that expired 5 s ago is valid")
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	s, client := start(t)
	get := func(ctx context.Context) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"/v1/jwks", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+secretKey)
		resp, err := client.Do(req)
		if err == nil {
			t.Cleanup(func() { _ = resp.Body.Close() })
		}
		return resp, err
	}
	s.Break(clerk.RateLimited(7 * time.Second))
	if resp, err := get(t.Context()); err != nil || resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "7" {
		t.Errorf("rate limit: %v %v", resp, err)
	}
	s.Break(clerk.BadGateway())
	if resp, err := get(t.Context()); err != nil || resp.StatusCode != 502 || resp.Header.Get("Content-Type") != "text/html" {
		t.Errorf("bad gateway: %v %v", resp, err)
	}
	s.Break(clerk.Hang())
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if resp, err := get(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hang: %v %v", resp, err)
	}
	s.Mend()
	if resp, err := get(t.Context()); err != nil || resp.StatusCode != 200 {
		t.Errorf("mended: %v %v", resp, err)
	}
}

func post(t *testing.T, client *http.Client, url, body string) (status int, answer []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	answer, err = io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}
