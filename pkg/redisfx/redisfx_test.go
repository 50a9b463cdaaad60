package redisfx

import (
	"slices"
	"testing"

	"tandem.example/pkg/env"
)

func TestConfigRefusesUnsafeServers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		appEnv  string
		cfg     Config
		refused string
	}{
		"rediss with password":   {"prod", Config{URL: "rediss://u:p@h:6379/0"}, ""},
		"password beside":        {"prod", Config{URL: "rediss://h:6379", Password: "p"}, ""},
		"TLS asked for beside":   {"prod", Config{URL: "redis://u:p@h:6379", UseTLS: true}, ""},
		"plain text":             {"dev", Config{URL: "redis://u:p@h:6379"}, "REDIS_USE_TLS"},
		"no password":            {"prod", Config{URL: "rediss://h:6379"}, "REDIS_PASSWORD"},
		"no password at home":    {"dev", Config{URL: "rediss://h:6379"}, ""},
		"unverified certificate": {"prod", Config{URL: "rediss://u:p@h:6379?skip_verify=true"}, "REDIS_URL"},
		"missing CA":             {"prod", Config{URL: "rediss://u:p@h:6379", CAFile: "/nowhere/ca.pem"}, "REDIS_URL"},
		"not a URL":              {"prod", Config{URL: "rediss://u:p@h:port"}, "REDIS_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.cfg.PoolSize = 1
			var told []string
			c.cfg.Check(c.appEnv, func(variable, _ string) { told = append(told, variable) })
			if c.refused == "" && len(told) > 0 || c.refused != "" && !slices.Equal(told, []string{c.refused}) {
				t.Errorf("reported %v", told)
			}
		})
	}
}

func TestOptionsOverrideTheURL(t *testing.T) {
	t.Parallel()
	opts, err := Config{URL: "rediss://u:p@h:6379/3", Username: "other", Password: env.Secret("q"), PoolSize: 7}.Options()
	if err != nil {
		t.Fatal(err)
	}
	if opts.Username != "other" || opts.Password != "q" || opts.DB != 3 || opts.PoolSize != 7 {
		t.Errorf("options: %s %d %d", opts.Username, opts.DB, opts.PoolSize)
	}
	if opts.MaxRetries != -1 || !opts.ContextTimeoutEnabled {
		t.Error("commands may be sent twice, or ignore a request's deadline")
	}
}
