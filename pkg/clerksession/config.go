package clerksession

import (
	"net/url"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/env"
)

// Config is the Clerk part of a service's environment. Without an issuer no
// Clerk token is accepted.
type Config struct {
	Issuer            string     `env:"CLERK_ISSUER"`
	SecretKey         env.Secret `env:"CLERK_SECRET_KEY"`
	APIURL            string     `env:"CLERK_API_URL" envDefault:"https://api.clerk.com"`
	AuthorizedParties []string   `env:"CLERK_AUTHORIZED_PARTIES"`
	AllowNoParty      bool       `env:"CLERK_ALLOW_MISSING_PARTY" envDefault:"false"`
	Audience          string     `env:"CLERK_AUDIENCE"`
	CAFile            string     `env:"CLERK_CA_FILE"`

	// Roles says what a session's holder may do; it is not Clerk's alone.
	Roles bearer.RoleScopes `env:"-"`
}

// Enabled tells whether Clerk's tokens are accepted at all.
func (c Config) Enabled() bool { return c.Issuer != "" }

// Check refuses half a configuration, and one in which any application of the
// same Clerk instance could send its tokens.
func (c Config) Check(_ string, report func(variable, problem string)) {
	if !c.Enabled() {
		if c.SecretKey != "" {
			report("CLERK_ISSUER", "must be set when CLERK_SECRET_KEY is")
		}
		return
	}
	if !httpsURL(c.Issuer) {
		report("CLERK_ISSUER", "must be an https URL")
	}
	if !httpsURL(c.APIURL) {
		report("CLERK_API_URL", "must be an https URL")
	}
	if c.SecretKey == "" {
		report("CLERK_SECRET_KEY", "must be set when CLERK_ISSUER is")
	}
	if len(c.AuthorizedParties) == 0 && !c.AllowNoParty {
		report("CLERK_AUTHORIZED_PARTIES", "must list the origins whose tokens are accepted")
	}
}

func httpsURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.RawQuery == "" && u.Fragment == ""
}
