package app_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/fx"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest"
	"go.uber.org/zap/zaptest/observer"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/crdb"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/contract"
	"tandem.example/pkg/env"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/httpserver"
	"tandem.example/services/auth/api"
	"tandem.example/services/auth/internal/app"
	"tandem.example/services/auth/internal/clients"
	"tandem.example/services/auth/internal/sessions"
	"tandem.example/services/auth/internal/users"
)

// document is the contract that every answer in these tests is held to.
var document = func() *contract.Contract {
	c, err := contract.New(api.Document)
	if err != nil {
		panic(err)
	}
	return c
}()

// asProgram makes this binary the service's own program, for tests that need a
// process.
const asProgram = "TEST_AS_AUTHD"

// TestMain also demands, when all tests were run, that together they have seen
// everything that the document says.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" { //nolint:forbidigo // a test has no configuration
		os.Exit(app.Program("test").Main(os.Args[1:], os.Stderr))
	}
	os.Exit(document.Verdict(devstack.Tests{M: m}.Run()))
}

const audience = "tandem"

// service is one running instance of auth and what tests need to reach into it.
type service struct {
	t     *testing.T
	stack *devstack.Stack
	url   string
	admin string
	trust *tls.Config
	env   map[string]string

	client   *http.Client // what it gets is held to the document
	operator *http.Client // for the admin address

	clients  *clients.Registry
	users    *users.Directory
	store    *sessions.Store
	keeper   *epoch.Keeper
	verifier *bearer.Verifier
	keys     bearer.KeySet
	db       *crdb.DB
	routes   []httpserver.Route
	lines    *observer.ObservedLogs // of the log, whatever its level
	calm     bool                   // nothing is taken away from it
}

// environment is what an instance on the stack needs.
func environment(t *testing.T, stack *devstack.Stack) map[string]string {
	t.Helper()
	set := map[string]string{
		"APP_ENV": "dev", "HTTP_ADDR": "127.0.0.1:0", "ADMIN_ADDR": "127.0.0.1:0", "LOG_LEVEL": "error",
		"TLS_CERT_FILE": stack.CertFile, "TLS_KEY_FILE": stack.KeyFile,
		"DATABASE_URL": stack.DatabaseURLFor(devstack.Auth), "REDIS_URL": stack.RedisURLFor(devstack.Auth), "REDIS_CA_FILE": stack.CAFile,
		"NATS_URL": stack.NATSURLFor(devstack.Auth), "NATS_CA_FILE": stack.CAFile,
		"JWT_SECRET": rand.Text() + rand.Text(), "JWT_ISSUER": "https://auth.example",
		"DEMO_USER": "demo", "DEMO_PASSWORD": rand.Text(), "DEMO_CLIENT_ID": "demo-client", "DEMO_CLIENT_SECRET": rand.Text(),
		"DEMO_ADMIN_CLIENT_ID": "demo-admin", "DEMO_ADMIN_CLIENT_SECRET": rand.Text(),
		"CLERK_WEBHOOK_SECRET": "whsec_" + base64.StdEncoding.EncodeToString([]byte(rand.Text())),
	}
	if stack.Clerk != nil {
		set["CLERK_ISSUER"], set["CLERK_API_URL"], set["CLERK_SECRET_KEY"] = stack.ClerkIssuer, stack.ClerkURL, stack.Clerk.SecretKey()
		set["CLERK_AUTHORIZED_PARTIES"], set["CLERK_CA_FILE"] = devstack.AuthorizedParty, stack.CAFile
	}
	return set
}

func lookup(set map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := set[name]; return v, ok }
}

func migrate(t *testing.T, stack *devstack.Stack) {
	t.Helper()
	work, err := app.Program("test").Migrate(lookup(map[string]string{
		"APP_ENV": "dev", "LOG_LEVEL": "error", "DATABASE_URL": stack.DatabaseURL, "DATABASE_GRANT_TO": stack.DatabaseUser(devstack.Auth),
	}))
	if err == nil {
		err = work(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// start runs an instance on a stack with these parts, and waits until it is
// ready.
func start(t *testing.T, o devstack.Options) *service {
	t.Helper()
	o.Database, o.Redis, o.NATS = true, true, true
	stack := devstack.T(t, o)
	migrate(t, stack)
	s := run(t, stack, environment(t, stack))
	s.awaitReady()
	s.calm = !o.OwnDatabase && !o.OwnRedis
	return s
}

// run starts an instance, changed if need be, and does not wait.
func run(t *testing.T, stack *devstack.Stack, set map[string]string, changes ...fx.Option) *service {
	t.Helper()
	cfg, err := env.Load[app.Config](lookup(set))
	if err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, stack: stack, env: set}
	var server *httpserver.Server
	var ring *bearer.Keyring
	program := fx.New(app.New(cfg, "test"), fx.NopLogger, fx.Options(changes...),
		fx.Decorate(func() *zap.Logger {
			everything, lines := observer.New(zap.DebugLevel)
			s.lines = lines
			return zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel), zaptest.WrapOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core {
				return zapcore.NewTee(c, everything)
			})))
		}),
		fx.Invoke(fx.Annotate(func(r []httpserver.Route) { s.routes = r }, fx.ParamTags(`group:"routes"`))),
		fx.Populate(&server, &s.keeper, &s.verifier, &ring, &s.db, &s.users, &s.store))
	if err := program.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.operator.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := program.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	s.keys = ring.Secrets
	s.clients = clients.NewRegistry(clients.NewPostgres(s.db))
	pem, err := os.ReadFile(stack.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	s.trust = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	s.trust.RootCAs.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: s.trust, MaxIdleConnsPerHost: 64}
	s.operator = &http.Client{Transport: transport, Timeout: 30 * time.Second}
	s.client = &http.Client{
		Transport: document.Watch(transport, func(err error) { t.Errorf("contract: %v", err) }), Timeout: 30 * time.Second,
	}
	scheme := "https://"
	if cfg.HTTP.CertFile == "" {
		scheme = "http://"
	}
	s.url, s.admin = scheme+server.Addr(), scheme+server.AdminAddr()
	return s
}

func (s *service) awaitReady() {
	s.t.Helper()
	s.await("not ready", func() bool {
		return s.send(s.request(http.MethodGet, s.admin+"/readyz", "", nil)).status == http.StatusOK
	})
}

// reply is an answer read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// json reads the body as an object.
func (r reply) json() map[string]any {
	var m map[string]any
	if json.Unmarshal([]byte(r.body), &m) != nil {
		return nil
	}
	return m
}

func (r reply) text(name string) string { s, _ := r.json()[name].(string); return s }

func (s *service) request(method, target, body string, header map[string]string) *http.Request {
	s.t.Helper()
	if !strings.Contains(target, "://") {
		target = s.url + target
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	return r
}

// send asks, and while nothing is wrong but that the machine is too busy to renew
// a lease in time, asks again.
func (s *service) send(r *http.Request) (got reply) {
	s.t.Helper()
	if !s.calm {
		return s.sendOnce(r)
	}
	s.await("the lease is never held", func() bool {
		got = s.sendOnce(r.Clone(r.Context()))
		if r.GetBody != nil {
			r.Body, _ = r.GetBody() // of a text: it cannot fail
		}
		return got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "the token store")
	})
	return got
}

func (s *service) sendOnce(r *http.Request) reply {
	s.t.Helper()
	client := s.client
	if strings.HasPrefix(r.URL.String(), s.admin+"/") {
		client = s.operator
	}
	got, err := client.Do(r)
	if err != nil {
		s.t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		return reply{}
	}
	defer func() { _ = got.Body.Close() }()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		s.t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	return reply{got.StatusCode, got.Header, string(body)}
}

func enc(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

const formType = "application/x-www-form-urlencoded"

// post sends a form as a client, with its secret in the form.
func (s *service) post(path, client, secret string, pairs ...string) reply {
	s.t.Helper()
	return s.send(s.form(path, client, secret, pairs...))
}

// form is the request that post sends.
func (s *service) form(path, client, secret string, pairs ...string) *http.Request {
	s.t.Helper()
	f := url.Values{}
	if client != "" {
		f.Set("client_id", client)
	}
	if secret != "" {
		f.Set("client_secret", secret)
	}
	for i := 0; i < len(pairs); i += 2 {
		f.Set(pairs[i], pairs[i+1])
	}
	return s.request(http.MethodPost, path, f.Encode(), map[string]string{"Content-Type": formType})
}

// demo posts as the demo client.
func (s *service) demo(path string, pairs ...string) reply {
	s.t.Helper()
	return s.post(path, s.env["DEMO_CLIENT_ID"], s.env["DEMO_CLIENT_SECRET"], pairs...)
}

// login signs the demo user in.
func (s *service) login(pairs ...string) (access, refresh string) {
	s.t.Helper()
	got := s.demo("/token", append([]string{"grant_type", "password", "username", s.env["DEMO_USER"], "password", s.env["DEMO_PASSWORD"]}, pairs...)...)
	if got.status != http.StatusOK {
		s.t.Fatalf("login: %d %s", got.status, got.body)
	}
	return got.text("access_token"), got.text("refresh_token")
}

// bearer calls with a token.
func (s *service) bearer(method, path, token string) reply {
	s.t.Helper()
	return s.send(s.request(method, path, "", map[string]string{"Authorization": "Bearer " + token}))
}

// active asks the introspection endpoint.
func (s *service) active(token string) bool {
	s.t.Helper()
	got := s.demo("/introspect", "token", token)
	if got.status != http.StatusOK {
		s.t.Fatalf("introspect: %d %s", got.status, got.body)
	}
	on, _ := got.json()["active"].(bool)
	return on
}

// ownerExec runs a statement that the service's own SQL user has no need of.
func (s *service) ownerExec(statement string, args ...any) (int64, error) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.stack.DatabaseURL)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(s.t.Context())) }()
	tag, err := conn.Exec(s.t.Context(), statement, args...)
	return tag.RowsAffected(), err
}
