package redisfx

import (
	"errors"
	"testing"
)

const healthy = "# Server\r\nredis_version:7.0.15\r\nrun_id:aaaa\r\n\r\n# Memory\r\nmaxmemory_policy:noeviction\r\n" +
	"# Persistence\r\nloading:0\r\n# Replication\r\nrole:master\r\nmaster_replid:bbbb\r\n# Cluster\r\ncluster_enabled:0\r\n"

func TestUsable(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]error{
		"":                                nil,
		"maxmemory_policy:volatile-lru":   nil,
		"maxmemory_policy:allkeys-lru":    ErrEvicts,
		"maxmemory_policy:allkeys-random": ErrEvicts,
		"role:slave":                      ErrNotPrimary,
		"cluster_enabled:1":               ErrCluster,
		"loading:1":                       ErrLoading,
	} {
		s := parseInfo(healthy + line + "\r\n") // the last word counts
		if s.Identity() != "aaaa/bbbb" || s.Version != "7.0.15" {
			t.Errorf("%q: read %+v", line, s)
		}
		if got := s.Usable(); !errors.Is(got, want) {
			t.Errorf("%q: %v", line, got)
		}
	}
	if parseInfo("# Server\r\nrun_id:aaaa\r\n").Usable() == nil {
		t.Error("a server that names no role is taken for a primary")
	}
}

func FuzzParseInfo(f *testing.F) {
	f.Add(healthy)
	f.Add("run_id")
	f.Fuzz(func(_ *testing.T, text string) { _ = parseInfo(text).Usable() })
}
