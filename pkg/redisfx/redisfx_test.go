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

func TestPeersAreHeldToTheSameRules(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		appEnv, peers string
		refused       bool
	}{
		"none":                   {"prod", "", false},
		"two":                    {"prod", "eu=rediss://u:p@h:6379/0,us=rediss://u:p@h:6380", false},
		"lines":                  {"prod", "eu=rediss://u:p@h:6379/0\nus=rediss://u:p@h:6380\n", false},
		"TLS asked for beside":   {"prod", "us=redis://u:p@h:6379", false},
		"no region":              {"prod", "rediss://u:p@h:6379/0", true},
		"a strange region":       {"prod", "U S=rediss://u:p@h:6379/0", true},
		"a region twice":         {"prod", "us=rediss://u:p@h:6379/0,us=rediss://u:p@h:6380", true},
		"no URL":                 {"prod", "us=", true},
		"not a URL":              {"prod", "us=rediss://u:p@h:port", true},
		"no password":            {"prod", "us=rediss://h:6379", true},
		"no password at home":    {"dev", "us=rediss://h:6379", false},
		"a forgotten password":   {"prod", "us=rediss://u:changeme@h:6379", true},
		"unverified certificate": {"prod", "us=rediss://u:p@h:6379?skip_verify=true", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{URL: "rediss://u:p@h:6379", UseTLS: true, PoolSize: 1, Peers: env.Secret(c.peers)}
			var told []string
			cfg.Check(c.appEnv, func(variable, _ string) { told = append(told, variable) })
			if refused := slices.Contains(told, "REDIS_PEERS"); refused != c.refused || len(told) > 0 && !refused {
				t.Errorf("reported %v", told)
			}
		})
	}
}

func TestPeersAreAllRegionsButTheOwn(t *testing.T) {
	t.Parallel()
	c := Config{
		Username: "own", Password: "own", UseTLS: true, CAFile: "ca.pem", PoolSize: 7,
		Peers: "eu=rediss://u:p@h:6379,us=rediss://v:q@i:6379",
	}
	peers, err := c.PeersOf("eu")
	if err != nil || len(peers) != 1 {
		t.Fatalf("%v, %v", peers, err)
	}
	us := peers["us"]
	if us.URL != "rediss://v:q@i:6379" || us.Username != "" || us.Password != "" || !us.UseTLS || us.CAFile != "ca.pem" || us.PoolSize != 7 {
		t.Errorf("%+v", us)
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
