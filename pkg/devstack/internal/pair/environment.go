package pair

import (
	"crypto/rand"
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
)

// secrets are new in each run.
type secrets struct {
	signing, webhook                 string
	user, password                   string
	clientID, clientSecret           string
	adminClientID, adminClientSecret string
}

func newSecrets() secrets {
	short := func() string { return strings.ToLower(rand.Text()[:8]) }
	return secrets{
		signing: random(48), webhook: "whsec_" + random(32),
		user: "demo-" + short() + "@example.com", password: rand.Text(),
		clientID: "demo-" + short(), clientSecret: rand.Text() + rand.Text(),
		adminClientID: "demo-admin-" + short(), adminClientSecret: rand.Text() + rand.Text(),
	}
}

func random(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return base64.StdEncoding.EncodeToString(b)
}

// passed are the caller's variables that a service gets as they are: those that
// belong to servers of the caller's own, and those that tune without changing
// what the run promises.
func passed(name string) bool {
	return strings.HasPrefix(name, "OTEL_") || slices.Contains([]string{
		"REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_USE_TLS", "NATS_CREDS_FILE",
		"TOKEN_EXPIRE_MINUTES", "REFRESH_EXPIRE_HOURS", "CACHE_MODE", "LOG_LEVEL", "GOMAXPROCS", "GODEBUG",
	}, name)
}

// environment is all that an instance sees.
func (r *run) environment(s service, authURL string) []string {
	k, stack := r.secrets, r.stack
	env := []string{
		"APP_ENV=dev", "REGION=local", "TZ=UTC",
		"HTTP_ADDR=" + s.public, "ADMIN_ADDR=" + s.admin,
		"TLS_CERT_FILE=" + stack.CertFile, "TLS_KEY_FILE=" + stack.KeyFile,
		"DATABASE_URL=" + stack.DatabaseURLFor(s.role),
		"REDIS_URL=" + stack.RedisURLFor(s.role), "REDIS_CA_FILE=" + r.caFile("REDIS"),
		"NATS_URL=" + stack.NATSURLFor(s.role), "NATS_CA_FILE=" + r.caFile("NATS"),
		"JWT_ISSUER=" + authURL, "JWT_AUDIENCE=tandem",
		"CLERK_API_URL=" + stack.ClerkURL, "CLERK_ISSUER=" + stack.ClerkIssuer,
		"CLERK_SECRET_KEY=" + stack.Clerk.SecretKey(),
		"CLERK_AUTHORIZED_PARTIES=" + stack.Clerk.AuthorizedParty(),
		// The stand-in's certificate is signed by the throw-away authority.
		"SSL_CERT_FILE=" + stack.CAFile,
	}
	if s.role == devstack.Auth {
		env = append(env, "CLERK_WEBHOOK_SECRET="+k.webhook,
			"DEMO_USER="+k.user, "DEMO_PASSWORD="+k.password,
			"DEMO_CLIENT_ID="+k.clientID, "DEMO_CLIENT_SECRET="+k.clientSecret,
			"DEMO_ADMIN_CLIENT_ID="+k.adminClientID, "DEMO_ADMIN_CLIENT_SECRET="+k.adminClientSecret)
	}
	env = append(env, r.keys(s, authURL)...)
	for _, variable := range r.Environ {
		if name, _, _ := strings.Cut(variable, "="); passed(name) {
			env = append(env, variable)
		}
	}
	return slices.DeleteFunc(env, func(v string) bool {
		_, value, _ := strings.Cut(v, "=") // which may end in one, as base64 does
		return value == ""
	})
}

// keys are those of the services: one secret for all, or a key of auth's alone.
func (r *run) keys(s service, authURL string) []string {
	secret := "JWT_SECRET=" + r.secrets.signing
	switch {
	case !r.EdDSA:
		return []string{secret}
	case s.role == devstack.Auth:
		return []string{secret, "JWT_KEYS_DIR=" + r.keysDir()}
	default:
		return []string{"JWT_JWKS_URL=" + authURL + "/.well-known/jwks.json", "JWT_JWKS_CA_FILE=" + r.stack.CAFile}
	}
}

func (r *run) keysDir() string { return filepath.Join(r.stack.Dir(), "keys") }

// makeKeys gives auth its first key, if it is to sign with one.
func (r *run) makeKeys() error {
	if !r.EdDSA {
		return nil
	}
	if err := os.Mkdir(r.keysDir(), 0o700); err != nil {
		return err
	}
	_, err := bearer.GenerateKey(r.keysDir(), time.Now())
	return err
}

// caFile is the stack's, unless the server is the caller's own; then it is the
// one that the caller says, or none for a certificate that everybody trusts.
func (r *run) caFile(server string) string {
	if r.variable(server+"_URL") != "" {
		return r.variable(server + "_CA_FILE")
	}
	return r.stack.CAFile
}

// set replaces a variable.
func set(env []string, name, value string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(v string) bool { return strings.HasPrefix(v, name+"=") })
	return append(env, name+"="+value)
}
