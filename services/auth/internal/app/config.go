package app

import (
	"tandem.example/pkg/bearer"
	"tandem.example/pkg/clerksession"
	"tandem.example/pkg/crdb"
	"tandem.example/pkg/env"
	"tandem.example/pkg/httpserver"
	"tandem.example/pkg/natsfx"
	"tandem.example/pkg/redisfx"
	"tandem.example/pkg/telemetry"
	"tandem.example/services/auth/internal/audit"
	"tandem.example/services/auth/internal/clerkhook"
	"tandem.example/services/auth/internal/demo"
	"tandem.example/services/auth/internal/sessions"
	"tandem.example/services/auth/internal/tokens"
	"tandem.example/services/auth/internal/users"
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
	Sessions  sessions.Config
	Clerk     clerksession.Config
	ClerkHook clerkhook.Config
	Audit     audit.Config
	Requests  tokens.Limits
	Users     users.Config
	Demo      demo.Config
}

// Check refuses what only a service that does not issue tokens could work with.
func (c Config) Check(_ string, report func(variable, problem string)) {
	if c.Tokens.Secret == "" {
		report("JWT_SECRET", "must be set: refresh tokens need it, whatever signs access tokens")
	}
	if c.Tokens.KeysURL != "" {
		report("JWT_JWKS_URL", "must not be set: auth is who publishes keys")
	}
}
