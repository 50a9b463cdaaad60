package crdb_test

import (
	"slices"
	"testing"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/env"
)

func TestConfigRefusesUnsafeURLs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		appEnv, url string
		refused     bool
	}{
		"verify-full":              {"prod", "postgres://u:p@h/d?sslmode=verify-full", false},
		"verify-ca":                {"prod", "postgres://u:p@h/d?sslmode=verify-ca", false},
		"two hosts, verified":      {"prod", "postgres://u:p@h1:1,h2:2/d?sslmode=verify-full", false},
		"require in production":    {"prod", "postgres://u:p@h/d?sslmode=require", true},
		"require in development":   {"dev", "postgres://u:p@h/d?sslmode=require", false},
		"prefer falls back":        {"dev", "postgres://u:p@h/d?sslmode=prefer", true},
		"no mode at all":           {"dev", "postgres://u:p@h/d", true},
		"disabled":                 {"dev", "postgres://u:p@h/d?sslmode=disable", true},
		"disabled, keyword form":   {"prod", "host=h user=u password=p sslmode=disable", true},
		"not a connection string":  {"dev", "postgres://u:p@h:port/d", true},
		"missing is env's to tell": {"prod", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told []string
			cfg := crdb.Config{URL: env.Secret(c.url), MaxConns: 1}
			cfg.Check(c.appEnv, func(variable, _ string) { told = append(told, variable) })
			if slices.Contains(told, "DATABASE_URL") != c.refused {
				t.Errorf("reported %v", told)
			}
		})
	}
}
