// Package app is the auth service's table of contents: the parts it is made of,
// the arrows between them, and its environment.
package app

import (
	"go.uber.org/fx"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/clerksession"
	"tandem.example/pkg/crdb"
	"tandem.example/pkg/daemon"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/httpserver"
	"tandem.example/pkg/natsfx"
	"tandem.example/pkg/ratelimit"
	"tandem.example/pkg/telemetry"
	"tandem.example/services/auth/internal/audit"
	"tandem.example/services/auth/internal/bootstrap"
	"tandem.example/services/auth/internal/clerkhook"
	"tandem.example/services/auth/internal/clients"
	"tandem.example/services/auth/internal/keys"
	"tandem.example/services/auth/internal/sessions"
	"tandem.example/services/auth/internal/tokens"
	"tandem.example/services/auth/internal/users"
	"tandem.example/services/auth/migrations"
)

const name = "auth"

// Program is the service as its command line knows it.
func Program(version string) daemon.Program {
	p := daemon.New("authd", version, New, Schema())
	p.Commands = map[string]daemon.Command{"keys": keys.Command, "bootstrap": bootstrap.Command}
	return p
}

// New is the service, ready to be run by fx.
func New(cfg Config, version string) fx.Option {
	cfg.Database.Application = name
	return fx.Options(
		fx.Supply(cfg.App, cfg.HTTP, cfg.Telemetry, cfg.Database, cfg.Redis, cfg.NATS, cfg.Tokens, cfg.Roles, cfg.Sessions, cfg.Clerk, cfg.ClerkHook, cfg.Audit, cfg.Requests, cfg.Users),
		fx.Supply(telemetry.Service{Name: name, Version: version, Region: cfg.App.Region}, natsfx.Name(name)),
		telemetry.Module, fx.WithLogger(telemetry.FxLogger),
		crdb.Module,
		epoch.Module,
		natsfx.Module,
		bearer.Module,
		ratelimit.Module,
		clerksession.Module,
		audit.Module,
		users.Module,
		clients.Module,
		sessions.Module,
		tokens.Module,
		clerkhook.Module,
		seeding(cfg.Demo),
		httpserver.Module,
		bind,
		fx.Invoke(func(*httpserver.Server, *sessions.Sweeper, *audit.Batch, *audit.Publisher, *audit.Pruner) {}),
	)
}

// Schema is what the service keeps in the database.
func Schema() daemon.Schema {
	return daemon.Schema{
		Sets: []crdb.Migrations{epoch.Migrations(), bearer.Migrations(), migrations.Set()},
		Grants: []crdb.Grant{
			{Table: "redis_epoch", Privileges: "SELECT, INSERT, UPDATE"},
			{Table: "tombstones", Privileges: "SELECT, INSERT, UPDATE, DELETE"},
			{Table: "users", Privileges: "SELECT, INSERT, UPDATE"},
			{Table: "clients", Privileges: "SELECT, INSERT, UPDATE"},
			{Table: "sessions", Privileges: "SELECT, INSERT, UPDATE, DELETE"},
			{Table: "cutoffs", Privileges: "SELECT, INSERT, UPDATE"},
			{Table: "clerk_deliveries", Privileges: "SELECT, INSERT, UPDATE, DELETE"},
			{Table: "audit", Privileges: "SELECT, INSERT, UPDATE, DELETE"},
			{Table: "audit_leases", Privileges: "SELECT, UPDATE"},
		},
	}
}
