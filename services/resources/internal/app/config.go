package app

import (
	"tandem.example/pkg/bearer"
	"tandem.example/pkg/clerksession"
	"tandem.example/pkg/crdb"
	"tandem.example/pkg/env"
	"tandem.example/pkg/httpserver"
	"tandem.example/pkg/invalidation/relay"
	"tandem.example/pkg/natsfx"
	"tandem.example/pkg/redisfx"
	"tandem.example/pkg/telemetry"
)

// Config is the whole environment of the service.
type Config struct {
	App       env.App
	HTTP      httpserver.Config
	Telemetry telemetry.Config
	Database  crdb.Config
	Redis     redisfx.Config
	NATS      natsfx.Config
	Tokens    bearer.Config
	Roles     bearer.RoleConfig
	Clerk     clerksession.Config
	Relay     relay.Settings
	CacheMode string `env:"CACHE_MODE" envDefault:"strict"`
}

// Check refuses a cache mode that this release does not have.
func (c Config) Check(_ string, report func(variable, problem string)) {
	if c.CacheMode != "strict" {
		report("CACHE_MODE", "must be strict")
	}
}
