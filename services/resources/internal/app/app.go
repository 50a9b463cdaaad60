// Package app is the resources service's table of contents: the parts it is
// made of, the arrows between them, and its environment.
package app

import (
	"go.uber.org/fx"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/clerksession"
	"tandem.example/pkg/coherent"
	"tandem.example/pkg/crdb"
	"tandem.example/pkg/daemon"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/httpserver"
	"tandem.example/pkg/invalidation/relay"
	"tandem.example/pkg/natsfx"
	"tandem.example/pkg/telemetry"
	"tandem.example/services/resources/internal/events"
	"tandem.example/services/resources/internal/idempotency"
	"tandem.example/services/resources/internal/journey"
	"tandem.example/services/resources/internal/resources"
	"tandem.example/services/resources/migrations"
)

const name = "resources"

// Program is the service as its command line knows it.
func Program(version string) daemon.Program {
	p := daemon.New("resourcesd", version, New, Schema())
	p.Commands = map[string]daemon.Command{"journey": journey.Command}
	return p
}

// New is the service, ready to be run by fx.
func New(cfg Config, version string) fx.Option {
	cfg.Database.Application = name
	return fx.Options(
		fx.Supply(cfg.App, cfg.HTTP, cfg.Telemetry, cfg.Database, cfg.Redis, cfg.NATS, cfg.Tokens, cfg.Roles, cfg.Clerk, cfg.Relay, cfg.Cache),
		fx.Supply(telemetry.Service{Name: name, Version: version, Region: cfg.App.Region}, natsfx.Name(name)),
		telemetry.Module, fx.WithLogger(telemetry.FxLogger),
		crdb.Module,
		epoch.Module,
		natsfx.Module,
		bearer.Module,
		clerksession.Module,
		coherent.Module,
		relay.Module,
		events.Module,
		idempotency.Module,
		resources.Module,
		httpserver.Module,
		bind,
		fx.Invoke(func(*httpserver.Server, *relay.Relay, *events.Follower) {}),
	)
}

// Schema is what the service keeps in the database.
func Schema() daemon.Schema {
	return daemon.Schema{
		Sets: []crdb.Migrations{
			epoch.Migrations(), bearer.Migrations(), coherent.Migrations(), relay.Migrations(), migrations.Set(),
		},
		Grants: append(relay.Grants(),
			crdb.Grant{Table: "redis_epoch", Privileges: "SELECT, INSERT, UPDATE"},
			crdb.Grant{Table: "tombstones", Privileges: "SELECT"},
			crdb.Grant{Table: "operations", Privileges: "INSERT"},
			crdb.Grant{Table: "resources", Privileges: "SELECT, INSERT, UPDATE, DELETE"},
			crdb.Grant{Table: "tenant_homes", Privileges: "SELECT, INSERT"},
		),
	}
}
