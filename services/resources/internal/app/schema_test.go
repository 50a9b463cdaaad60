package app_test

import (
	"testing"

	"tandem.example/pkg/crdb/crdbtest"
	"tandem.example/services/resources/internal/app"
)

// Every step of the schema lets the release before go on.
func TestMigrationsOnlyExpand(t *testing.T) {
	t.Parallel()
	crdbtest.Expands(t, app.Schema().Sets...)
}
