package redisfx

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Why a server is not used. Each needs an operator, none passes by itself
// except a replica that is promoted and a load that ends.
var (
	ErrNotPrimary = errors.New("the server is not a primary")
	ErrCluster    = errors.New("the server runs in cluster mode, which is not supported")
	ErrEvicts     = errors.New("the server may evict keys that have no expiry: use maxmemory-policy noeviction")
	ErrLoading    = errors.New("the server is loading its data")
)

// Server is what one Redis process says of itself.
type Server struct {
	RunID         string // new at each start of the process
	ReplicationID string // new at each start and at each promotion
	Version       string
	Policy        string // maxmemory_policy
	primary       bool
	cluster       bool
	loading       bool
}

// Identity names one incarnation of the data: a restarted, promoted or demoted
// server has another.
func (s Server) Identity() string { return s.RunID + "/" + s.ReplicationID }

// Usable tells whether the server may hold markers and tokens.
func (s Server) Usable() error {
	switch {
	case s.cluster:
		return ErrCluster
	case s.loading:
		return ErrLoading
	case !s.primary:
		return ErrNotPrimary
	case strings.HasPrefix(s.Policy, "allkeys-"):
		return ErrEvicts
	default:
		return nil
	}
}

// Inspect asks a server, over any client or single connection, who it is. INFO
// is used because managed services forbid CONFIG.
func Inspect(ctx context.Context, c redis.Cmdable) (Server, error) {
	text, err := c.Info(ctx).Result()
	if err != nil {
		return Server{}, fmt.Errorf("inspect redis: %w", err)
	}
	s := parseInfo(text)
	if s.RunID == "" || s.ReplicationID == "" {
		return Server{}, errors.New("inspect redis: INFO names no run_id or no master_replid")
	}
	return s, nil
}

func parseInfo(text string) Server {
	var s Server
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		switch key {
		case "run_id":
			s.RunID = value
		case "master_replid":
			s.ReplicationID = value
		case "redis_version":
			s.Version = value
		case "maxmemory_policy":
			s.Policy = value
		case "role":
			s.primary = value == "master"
		case "cluster_enabled":
			s.cluster = value == "1"
		case "loading":
			s.loading = value == "1"
		}
	}
	return s
}
