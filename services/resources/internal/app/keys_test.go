package app_test

import (
	"crypto/ed25519"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"tandem.example/pkg/bearer"
)

// publisher is auth with a directory of keys, as far as resources sees it.
type publisher struct {
	*httptest.Server

	keys atomic.Pointer[bearer.KeySet]
}

func newKey(t *testing.T) *bearer.Key {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return bearer.NewPrivateKey(private)
}

// publish starts a publisher under the stack's authority; without keys it is
// broken.
func (w world) publish(t *testing.T, keys ...*bearer.Key) *publisher {
	t.Helper()
	p := &publisher{}
	p.set(keys...)
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		set := *p.keys.Load()
		body, err := set.JWKS()
		if err != nil || len(set) == 0 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = w.Write(body)
	}))
	pair, err := tls.LoadX509KeyPair(w.stack.CertFile, w.stack.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	p.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	p.StartTLS()
	t.Cleanup(p.Close)
	return p
}

func (p *publisher) set(keys ...*bearer.Key) {
	set := bearer.KeySet(keys)
	p.keys.Store(&set)
}

// bootWithKeysOf starts an instance that has no secret.
func (w world) bootWithKeysOf(t *testing.T, p *publisher) *instance {
	t.Helper()
	_, port, err := net.SplitHostPort(p.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return w.boot(t, "JWT_SECRET", "", "JWT_JWKS_URL", "https://localhost:"+port+"/", "JWT_JWKS_CA_FILE", w.stack.CAFile)
}

// An instance that holds no secret serves requests whose tokens an Ed25519 key
// signed, and refuses them soon after the key was withdrawn.
func TestTokensOfPublishedKeys(t *testing.T) {
	t.Parallel()
	w, _, _ := serving(t)
	first, next := newKey(t), newKey(t)
	p := w.publish(t, first)
	i := w.bootWithKeysOf(t, p)
	i.await(t, "", patience)

	ofSecret := w.caller(t)
	w.keys = bearer.KeySet{first}
	by := w.caller(t)
	path, made := i.create(t, by, `{"type":"invoice","name":"n"}`)
	for range 2 {
		if got := i.call(t, by, "GET", path, ""); got.status != 200 || made.Tenant != by.claims.Tenant {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	for _, op := range operations(path) {
		i.call(t, ofSecret, op.method, op.path, op.body).is(t, 401, "token_key_unknown")
	}
	public, err := bearer.KeySet{first}.JWKS() // what is public must never be a secret
	if err != nil {
		t.Fatal(err)
	}
	forged := forge(t, jwt.SigningMethodHS256, public, map[string]any{"typ": "at+jwt", "kid": first.ID}, map[string]any{"sub": by.claims.Subject})
	i.call(t, caller{token: forged}, "GET", path, "").is(t, 401, "token_algorithm")

	// The next key is found without a restart, and the old one ends with its
	// removal.
	w.keys = bearer.KeySet{next}
	p.set(next)
	after := w.caller(t, inTenant(by.claims.Tenant))
	if got := i.call(t, after, "GET", path, ""); got.status != 200 {
		t.Errorf("the next key: %d %s", got.status, got.body)
	}
	eventually(t, patience, "the withdrawn key is refused", func() (bool, string) {
		got := i.call(t, by, "GET", path, "")
		code, _ := got.problem(t)
		return got.status == 401 && code == "token_key_unknown", got.body
	})
	w.revoke(t, after)
	i.call(t, after, "GET", path, "").is(t, 401, "token_revoked")
}

// An instance that cannot have the keys knows nothing about tokens, which is not
// to say that they are bad.
func TestWithoutPublishedKeysNobodyIsLetIn(t *testing.T) {
	t.Parallel()
	w, _, _ := serving(t)
	key := newKey(t)
	p := w.publish(t)
	i := w.bootWithKeysOf(t, p)
	i.await(t, "keys:token_keys_unavailable", patience)
	w.keys = bearer.KeySet{key}
	by := w.caller(t)
	i.refuses(t, by, "/v1/resources/00000000-0000-0000-0000-000000000000", "token_keys_unavailable")
	p.set(key)
	i.await(t, "", patience)
	if got := i.call(t, by, "GET", "/v1/resources", ""); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}
