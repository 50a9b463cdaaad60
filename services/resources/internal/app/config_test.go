package app_test

import (
	"testing"

	"tandem.example/pkg/env/envtest"
	"tandem.example/services/resources/internal/app"
)

func TestTheExampleEnvironmentExplainsEveryVariable(t *testing.T) {
	t.Parallel()
	envtest.Explains[app.Config](t, "../../../../.env.example")
}

// The chart's own tests keep the list.
func TestTheChartSetsEveryVariable(t *testing.T) {
	t.Parallel()
	envtest.Deployed[app.Config](t, "../../../../deploy/helm/check/testdata/resources.variables", envtest.Deployment{
		Unset: []string{"JWT_KEYS_DIR"}, Others: []string{"GOMEMLIMIT", "OTEL_*"},
	})
}
