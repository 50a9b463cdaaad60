package app_test

import (
	"crypto/rand"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/env/envtest"
	"tandem.example/services/auth/internal/app"
	"tandem.example/services/auth/internal/bootstrap"
)

func TestTheExampleEnvironmentExplainsEveryVariable(t *testing.T) {
	t.Parallel()
	envtest.Explains[app.Config](t, "../../../../.env.example")
	envtest.Explains[bootstrap.Config](t, "../../../../.env.example")
}

// The chart's own tests keep the list.
func TestTheChartSetsEveryVariable(t *testing.T) {
	t.Parallel()
	envtest.Deployed[app.Config](t, "../../../../deploy/helm/check/testdata/auth.variables", envtest.Deployment{
		Unset: []string{"JWT_JWKS_URL", "JWT_JWKS_CA_FILE"}, Others: []string{"GOMEMLIMIT", "OTEL_*"},
	})
}

// What the chart's values for production make of the environment is one that the
// service starts with.
func TestTheChartForProductionStarts(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(nil)
	t.Cleanup(server.Close)
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	keys := t.TempDir()
	key, err := bearer.GenerateKey(keys, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(keys, key.Name()))
	if err != nil {
		t.Fatal(err)
	}
	envtest.Starts[app.Config](t, "../../../../deploy/helm/check/testdata/auth.production", map[string]string{
		"trust/redis.crt": authority, "trust/nats.crt": authority, "trust/services.crt": authority,
		"secrets/DATABASE_URL": "postgres://u:k3Jx9mQz@db:26257/tandem?sslmode=verify-full",
		"secrets/REDIS_URL":    "rediss://u:k3Jx9mQz@redis:6379/0",
		"secrets/REDIS_PEERS":  "us-east-1=rediss://u:k3Jx9mQz@redis.us:6379/0",
		"secrets/NATS_URL":     "tls://u:k3Jx9mQz@nats:4222",
		"secrets/JWT_SECRET":   rand.Text() + rand.Text(),
		"keys/" + key.Name():   string(text),
	})
}

// So is what its Job makes of it.
func TestTheChartBootstraps(t *testing.T) {
	t.Parallel()
	envtest.Starts[bootstrap.Config](t, "../../../../deploy/helm/check/testdata/bootstrap.production", map[string]string{
		"secrets/DATABASE_URL":        "postgres://u:k3Jx9mQz@db:26257/tandem?sslmode=verify-full",
		"secrets/ADMIN_CLIENT_SECRET": rand.Text() + rand.Text(),
	})
}
