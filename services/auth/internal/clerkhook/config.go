package clerkhook

import (
	"encoding/base64"
	"strings"

	"tandem.example/pkg/env"
)

// Config is the webhook's part of the environment. Without a secret there is no
// webhook.
type Config struct {
	// Secret is what Clerk shows for the endpoint. While it is changed, the new
	// and the old one, separated by a comma.
	Secret env.Secret `env:"CLERK_WEBHOOK_SECRET"`
}

const prefix = "whsec_"

// Enabled tells whether Clerk's events are taken.
func (c Config) Enabled() bool { return c.Secret != "" }

func (c Config) secrets() []string { return strings.Split(c.Secret.Reveal(), ",") }

// Check refuses what Clerk would not have shown, or could be guessed.
func (c Config) Check(_ string, report func(variable, problem string)) {
	if !c.Enabled() {
		return
	}
	all := c.secrets()
	if len(all) > 2 {
		report("CLERK_WEBHOOK_SECRET", "must be one secret, or the new and the old one")
	}
	for _, secret := range all {
		key, found := strings.CutPrefix(secret, prefix)
		if _, err := base64.StdEncoding.DecodeString(key); err != nil || !found || env.Secret(key).Weakness() != "" {
			report("CLERK_WEBHOOK_SECRET", "must be the signing secret that Clerk shows: "+prefix+" and random bytes in base64")
		}
	}
}
