package app_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"maps"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/crdb"
	"tandem.example/pkg/daemon"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/env"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/redisfx"
	"tandem.example/services/resources/internal/app"
)

const (
	issuer   = "https://auth.example"
	audience = "tandem"
)

// world is servers with a migrated database, and somebody in the place of auth
// who opens epochs and signs tokens.
type world struct {
	stack *devstack.Stack
	env   map[string]string // of a service
	keys  bearer.KeySet
	redis *redis.Client // may do anything
	trust *tls.Config
	calm  bool // nothing is taken away from the services

	region string
	peers  []string // other regions on the same database
}

func newWorld(tb testing.TB, options devstack.Options) world {
	tb.Helper()
	return newWorldIn(tb, "local", options)
}

func newWorldIn(tb testing.TB, region string, options devstack.Options) world {
	tb.Helper()
	options.Database, options.Redis, options.NATS, options.Clerk = true, true, true, true
	w := world{stack: devstack.T(tb, options), calm: !options.OwnDatabase && !options.OwnRedis, region: region}
	secret := rand.Text() + rand.Text()
	var err error
	if w.keys, err = bearer.NewSecrets([]byte(secret), nil); err != nil {
		tb.Fatal(err)
	}
	s := w.stack
	w.env = map[string]string{
		"APP_ENV": "test", "REGION": region, "HTTP_ADDR": "127.0.0.1:0", "ADMIN_ADDR": "127.0.0.1:0", "LOG_LEVEL": "fatal",
		"TLS_CERT_FILE": s.CertFile, "TLS_KEY_FILE": s.KeyFile,
		"DATABASE_URL": s.DatabaseURLFor(devstack.Resources),
		"REDIS_URL":    s.RedisURLFor(devstack.Resources), "REDIS_CA_FILE": s.CAFile,
		"NATS_URL": s.NATSURLFor(devstack.Resources), "NATS_CA_FILE": s.CAFile,
		"JWT_SECRET": secret, "JWT_ISSUER": issuer, "JWT_AUDIENCE": audience,
		"CLERK_API_URL": s.ClerkURL, "CLERK_ISSUER": s.ClerkIssuer, "CLERK_SECRET_KEY": s.Clerk.SecretKey(),
		"CLERK_AUTHORIZED_PARTIES": s.Clerk.AuthorizedParty(), "CLERK_CA_FILE": s.CAFile,
	}
	w.trust = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	pem, err := os.ReadFile(s.CAFile)
	if err != nil || !w.trust.RootCAs.AppendCertsFromPEM(pem) {
		tb.Fatalf("the stack's authority: %v", err)
	}
	w.migrate(tb)
	w.redis = w.openEpochs(tb)
	return w
}

func (w world) migrate(tb testing.TB) {
	tb.Helper()
	own := maps.Clone(w.env)
	own["DATABASE_URL"], own["DATABASE_GRANT_TO"] = w.stack.DatabaseURL, w.stack.DatabaseUser(devstack.Resources)
	cfg, err := env.Load[daemon.SchemaConfig](lookup(own))
	if err != nil {
		tb.Fatal(err)
	}
	if err := app.Schema().Apply(tb.Context(), cfg, zap.NewNop()); err != nil {
		tb.Fatal(err)
	}
}

// openEpochs does what auth does for a new Redis.
func (w world) openEpochs(tb testing.TB) *redis.Client {
	tb.Helper()
	cfg := redisfx.Config{URL: env.Secret(w.stack.RedisURL), UseTLS: true, CAFile: w.stack.CAFile, PoolSize: 4}
	opts, err := cfg.Options()
	if err != nil {
		tb.Fatal(err)
	}
	client := redis.NewClient(opts)
	db, err := crdb.Open(crdb.Config{
		URL: env.Secret(w.stack.DatabaseURL), MaxConns: 2, ConnectTimeout: time.Second, StatementTimeout: 5 * time.Second,
	}, nil, nil)
	if err != nil {
		tb.Fatal(err)
	}
	keeper := epoch.New(epoch.Config{
		Region: w.region, Peers: w.peers, Store: epoch.NewPostgres(db), Options: cfg.Options,
		Recover: bearer.NewTombstones(db).Replay, Log: zap.NewNop(),
	})
	keeper.Start()
	tb.Cleanup(func() {
		if err := keeper.Stop(context.Background()); err != nil {
			tb.Error(err)
		}
		db.Close()
		_ = client.Close()
	})
	return client
}

// sql is a session of the schema's owner.
func (w world) sql(tb testing.TB) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), w.stack.DatabaseURL)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (w world) exec(tb testing.TB, statement string) {
	tb.Helper()
	if _, err := w.sql(tb).Exec(tb.Context(), statement); err != nil {
		tb.Fatal(err)
	}
}

func lookup(variables map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}
}
