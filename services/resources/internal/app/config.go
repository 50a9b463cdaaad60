package app

import (
	"tandem.example/pkg/bearer"
	"tandem.example/pkg/clerksession"
	"tandem.example/pkg/coherent"
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
	Cache     coherent.Settings
}
