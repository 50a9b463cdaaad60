package clerksession

import (
	"slices"
	"testing"
)

func TestConfigCheck(t *testing.T) {
	t.Parallel()
	whole := Config{Issuer: ourIssuer, SecretKey: "sk_live_x", APIURL: "https://api.example", AuthorizedParties: []string{ourParty}}
	for name, test := range map[string]struct {
		change func(*Config)
		want   []string
	}{
		"whole":             {func(*Config) {}, nil},
		"none":              {func(c *Config) { *c = Config{} }, nil},
		"key alone":         {func(c *Config) { c.Issuer = "" }, []string{"CLERK_ISSUER"}},
		"plain http":        {func(c *Config) { c.Issuer, c.APIURL = "http://a", "http://b" }, []string{"CLERK_ISSUER", "CLERK_API_URL"}},
		"no key":            {func(c *Config) { c.SecretKey = "" }, []string{"CLERK_SECRET_KEY"}},
		"any party":         {func(c *Config) { c.AuthorizedParties = nil }, []string{"CLERK_AUTHORIZED_PARTIES"}},
		"any party, wanted": {func(c *Config) { c.AuthorizedParties, c.AllowNoParty = nil, true }, nil},
	} {
		cfg, got := whole, []string(nil)
		test.change(&cfg)
		cfg.Check("prod", func(variable, _ string) { got = append(got, variable) })
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
