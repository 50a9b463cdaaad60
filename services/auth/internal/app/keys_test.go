package app_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
)

// authd runs the program with a directory of keys.
func authd(t *testing.T, dir string, args ...string) (out string, code int) {
	t.Helper()
	return program(t, map[string]string{"JWT_KEYS_DIR": dir}, args...)
}

// program runs the program itself, as an operator does, and returns what it says
// and its exit code.
func program(t *testing.T, set map[string]string, args ...string) (out string, code int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = []string{asProgram + "=1"}
	for name, value := range set {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return said.String(), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return said.String(), 0
}

// keyed starts an instance that signs with a new directory of one key.
func keyed(t *testing.T) (s *service, dir, kid string) {
	t.Helper()
	dir = t.TempDir()
	kid = generated(t, dir)
	stack := devstack.T(t, devstack.Options{Database: true, Redis: true, NATS: true})
	migrate(t, stack)
	set := environment(t, stack)
	set["JWT_KEYS_DIR"] = dir
	s = run(t, stack, set)
	s.awaitReady()
	return s, dir, kid
}

// generated adds a key and returns its kid.
func generated(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, code := authd(t, dir, append([]string{"keys", "generate"}, args...)...)
	kid, _, _ := strings.Cut(out, " ")
	if code != 0 || len(kid) != 43 {
		t.Fatalf("generate: %d %s", code, out)
	}
	return kid
}

// machineToken is a token of the demo client for itself.
func (s *service) machineToken() string {
	s.t.Helper()
	got := s.demo("/token", "grant_type", "client_credentials", "scope", "resources:read")
	if got.status != http.StatusOK {
		s.t.Errorf("token: %d %s", got.status, got.body)
	}
	return got.text("access_token")
}

// published are the kids of the key set.
func (s *service) published() []string {
	s.t.Helper()
	var kids []string
	list, _ := s.send(s.request(http.MethodGet, "/.well-known/jwks.json", "", nil)).json()["keys"].([]any)
	for _, k := range list {
		member, _ := k.(map[string]any)["kid"].(string)
		kids = append(kids, member)
	}
	return kids
}

// kidOf reads the header of a token.
func kidOf(token string) string {
	header, _, _ := strings.Cut(token, ".")
	text, _ := base64.RawURLEncoding.DecodeString(header)
	_, rest, _ := strings.Cut(string(text), `"kid":"`)
	kid, _, _ := strings.Cut(rest, `"`)
	return kid
}

// remoteVerifier is another service, with nothing but the URL of the key set.
func (s *service) remoteVerifier() *bearer.Verifier {
	s.t.Helper()
	remote, err := bearer.NewRemote(s.url+"/.well-known/jwks.json", s.operator)
	if err != nil {
		s.t.Fatal(err)
	}
	return &bearer.Verifier{Keys: remote, Issuer: s.env["JWT_ISSUER"], Audience: audience}
}

func TestTokensOfAKeyEndToEnd(t *testing.T) {
	t.Parallel()
	s, _, kid := keyed(t)
	if got := s.published(); !slices.Equal(got, []string{kid}) {
		t.Fatalf("published: %v", got)
	}
	access, refresh := s.login()
	next := s.refresh(refresh)
	for _, token := range []string{access, next.text("access_token")} {
		header, _, _ := strings.Cut(token, ".")
		if header != enc(`{"alg":"EdDSA","kid":"`+kid+`","typ":"at+jwt"}`) {
			t.Fatalf("header %s", header)
		}
		if got := s.bearer(http.MethodGet, "/v1/me", token); got.status != 200 || !s.active(token) {
			t.Errorf("not accepted: %d %s", got.status, got.body)
		}
		if c, err := s.remoteVerifier().Verify(t.Context(), token); err != nil || c.ClientID != s.env["DEMO_CLIENT_ID"] {
			t.Errorf("%+v, %v", c, err)
		}
	}
	// The secret makes refresh tokens and nothing else: its own tokens are no
	// longer taken.
	claims, err := s.verifier.Verify(t.Context(), access)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := s.keys.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.bearer(http.MethodGet, "/v1/me", forged); got.status != 401 || got.text("code") != "token_key_unknown" || s.active(forged) {
		t.Errorf("a token of the secret: %d %s", got.status, got.body)
	}
	if got := s.demo("/revoke", "token", access); got.status != 200 || s.active(access) {
		t.Errorf("revoke: %d %s", got.status, got.body)
	}
}

// Two instances and a verifier elsewhere, under load, while the operator brings
// a new key and later removes the old one: no good token is refused anywhere.
func TestRotationRefusesNoGoodToken(t *testing.T) {
	t.Parallel()
	first, dir, old := keyed(t)
	second := run(t, first.stack, first.env)
	second.awaitReady()
	instances := []*service{first, second}
	elsewhere := first.remoteVerifier()

	var checked, renewed atomic.Int64
	stop := make(chan struct{})
	var load sync.WaitGroup
	defer load.Wait()
	end := sync.OnceFunc(func() { close(stop) })
	defer end()
	for n := range 3 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				token := instances[n%2].machineToken()
				for _, s := range instances {
					if !s.active(token) {
						t.Errorf("a token of %s is refused", kidOf(token))
						return
					}
				}
				if _, err := elsewhere.Verify(t.Context(), token); err != nil {
					t.Errorf("a token of %s is refused elsewhere: %v", kidOf(token), err)
					return
				}
				checked.Add(1)
				if kidOf(token) != old {
					renewed.Add(1)
				}
			}
		})
	}
	first.await("no load", func() bool { return checked.Load() > 20 })
	fresh := generated(t, dir, "-in", "25s") // long enough for a slow machine to read it everywhere
	for _, s := range instances {
		s.await("the next key is not published", func() bool { return slices.Contains(s.published(), fresh) })
	}
	first.await("the next key does not sign", func() bool { return renewed.Load() > 50 })
	end()
	load.Wait()
	if out, code := authd(t, dir, "keys", "list"); code != 0 || !strings.Contains(out, old+"  verifying") || !strings.Contains(out, fresh+"  signing") {
		t.Errorf("list: %d\n%s", code, out)
	}
	// Nothing is retired while its tokens may be in use.
	if out, code := authd(t, dir, "keys", "retire"); code != 0 || out != "" {
		t.Errorf("retire: %d %s", code, out)
	}
}

// The emergency: from its removal on a key's tokens are refused, at auth and by
// whoever reads the key set, and no process is restarted.
func TestAKilledKeyIsRefusedEverywhere(t *testing.T) {
	t.Parallel()
	s, dir, stolen := keyed(t)
	elsewhere := s.remoteVerifier()
	access, refresh := s.login()
	if _, err := elsewhere.Verify(t.Context(), access); err != nil || !s.active(access) {
		t.Fatalf("before: %v", err)
	}
	out, code := authd(t, dir, "keys", "kill", stolen)
	fresh, _, _ := strings.Cut(out, " ")
	if code != 0 || !strings.Contains(out, stolen+"  killed") || fresh == stolen {
		t.Fatalf("kill: %d %s", code, out)
	}
	s.await("auth still accepts it", func() bool { return !s.active(access) })
	if got := s.bearer(http.MethodGet, "/v1/me", access); got.status != 401 || got.text("code") != "token_key_unknown" {
		t.Errorf("me: %d %s", got.status, got.body)
	}
	if got := s.published(); !slices.Equal(got, []string{fresh}) {
		t.Errorf("published: %v", got)
	}
	s.await("a verifier elsewhere still accepts it", func() bool {
		_, err := elsewhere.Verify(t.Context(), access)
		return errors.Is(err, bearer.ErrKey)
	})
	// Sessions go on: whoever has a refresh token gets a token of the new key.
	next := s.refresh(refresh).text("access_token")
	if kidOf(next) != fresh || !s.active(next) {
		t.Errorf("after: %s", kidOf(next))
	}
	if _, err := elsewhere.Verify(t.Context(), next); err != nil {
		t.Error(err)
	}
}

// Without any key nothing is issued, and nothing is lost: a refresh token that
// was presented meanwhile is as good as before.
func TestWithoutAKeyNothingIsIssued(t *testing.T) {
	t.Parallel()
	s, dir, kid := keyed(t)
	access, refresh := s.login()
	files, err := filepath.Glob(filepath.Join(dir, "*"+kid+".pem"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.Rename(files[0], files[0]+".away"); err != nil {
		t.Fatal(err)
	}
	s.await("it still signs", func() bool {
		got := s.demo("/token", "grant_type", "refresh_token", "refresh_token", refresh)
		if got.status == 200 {
			refresh = got.text("refresh_token")
			return false
		}
		return got.status == 503 && got.text("error") == "temporarily_unavailable" && got.header.Get("Retry-After") != ""
	})
	if got := s.send(s.request(http.MethodGet, s.admin+"/readyz", "", nil)); got.status != 503 || !strings.Contains(got.body, "signing_key_missing") {
		t.Errorf("readiness: %d %s", got.status, got.body)
	}
	if s.active(access) {
		t.Error("a token whose key was removed")
	}
	before, err1 := s.ownerExec(`SELECT 1 FROM sessions`)
	if got := s.demo("/token", "grant_type", "client_credentials", "scope", "resources:read"); got.status != 503 {
		t.Errorf("a token without a key: %d %s", got.status, got.body)
	}
	if after, err2 := s.ownerExec(`SELECT 1 FROM sessions`); after != before || errors.Join(err1, err2) != nil {
		t.Errorf("%d sessions, then %d; %v, %v", before, after, err1, err2)
	}
	if err := os.Rename(files[0]+".away", files[0]); err != nil {
		t.Fatal(err)
	}
	s.awaitReady()
	if got := s.refresh(refresh); got.status != 200 {
		t.Errorf("refresh: %d %s", got.status, got.body)
	}
}

// A service that signed with the secret goes over to a key, with an open window
// for the tokens before.
func TestFromTheSecretToAKey(t *testing.T) {
	t.Parallel()
	before := start(t, devstack.Options{})
	access, refresh := before.login()
	before.env["JWT_KEYS_DIR"] = t.TempDir()
	kid := generated(t, before.env["JWT_KEYS_DIR"])
	before.env["JWT_SECRET_UNTIL"] = time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	after := run(t, before.stack, before.env)
	after.awaitReady()
	if !after.active(access) || after.bearer(http.MethodGet, "/v1/me", access).status != 200 {
		t.Error("a token of the secret is refused within the window")
	}
	if next := after.refresh(refresh).text("access_token"); kidOf(next) != kid || !after.active(next) {
		t.Errorf("signed by %s", kidOf(next))
	}
}
