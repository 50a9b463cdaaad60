package daemon

import (
	"context"

	"go.uber.org/zap"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/env"
	"tandem.example/pkg/telemetry"
)

// Schema is what a service keeps in the database.
type Schema struct {
	Sets   []crdb.Migrations // in order
	Grants []crdb.Grant      // what the service's own SQL user needs of it
}

// SchemaConfig is the environment of a migration. Its database URL is that of
// the schema's owner.
type SchemaConfig struct {
	App       env.App
	Telemetry telemetry.Config
	Database  crdb.Config
	GrantTo   string `env:"DATABASE_GRANT_TO"`
}

// Apply brings the schema up to date and, if another user than its owner is to
// serve, lets that one at it.
func (s Schema) Apply(ctx context.Context, cfg SchemaConfig, log *zap.Logger) error {
	if err := crdb.Migrate(ctx, cfg.Database.URL, log, s.Sets...); err != nil || cfg.GrantTo == "" {
		return err
	}
	return crdb.GrantTo(ctx, cfg.Database.URL, cfg.GrantTo, s.Grants...)
}
