package app_test

import (
	"testing"

	"tandem.example/pkg/env/envtest"
	"tandem.example/services/auth/internal/app"
)

func TestTheExampleEnvironmentExplainsEveryVariable(t *testing.T) {
	t.Parallel()
	envtest.Explains[app.Config](t, "../../../../.env.example")
}
