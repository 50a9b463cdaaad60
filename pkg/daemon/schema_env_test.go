package daemon_test

import (
	"testing"

	"tandem.example/pkg/daemon"
	"tandem.example/pkg/env/envtest"
)

func TestTheExampleEnvironmentExplainsMigrations(t *testing.T) {
	t.Parallel()
	envtest.Explains[daemon.SchemaConfig](t, "../../.env.example")
}
