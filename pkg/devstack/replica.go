package devstack

import (
	"context"
	"net"
	"net/url"

	"github.com/redis/go-redis/v9"
)

const replicaName = "redis-replica"

// StartReplica adds a second Redis to a stack that has one of its own, as the
// replica of that and with the same users. Its name is "redis-replica".
func (s *Stack) StartReplica(ctx context.Context) error {
	primary, err := s.process("redis")
	if err != nil {
		return err
	}
	process := primary + "-replica" // no other stack's
	if s.replica, err = s.host.launchRedis(ctx, process, s.redis.passwords, Options{}); err != nil {
		return err
	}
	s.own[replicaName] = process
	return s.Follow(ctx, replicaName, "redis")
}

// RedisAddress is where a Redis of this stack listens.
func (s *Stack) RedisAddress(name string) string {
	if name == replicaName {
		return s.replica.address
	}
	return s.redis.address
}

// Follow makes one Redis of this stack the replica of another, or a primary of
// its own if other is empty.
func (s *Stack) Follow(ctx context.Context, name, other string) error {
	what := []any{"REPLICAOF", "NO", "ONE"}
	if other != "" {
		host, port, err := net.SplitHostPort(s.RedisAddress(other))
		if err != nil {
			return err
		}
		what = []any{"REPLICAOF", host, port}
	}
	return s.onRedis(name, func(c *redis.Client) error { return c.Do(ctx, what...).Err() })
}

// RedisDump is the file that a Redis of this stack reads when it starts.
func (s *Stack) RedisDump(name string) string { return s.host.path(s.own[name], "dump.rdb") }

// SaveRedis has a Redis write what it holds to its dump.
func (s *Stack) SaveRedis(ctx context.Context, name string) error {
	return s.onRedis(name, func(c *redis.Client) error { return c.Save(ctx).Err() })
}

func (s *Stack) onRedis(name string, do func(*redis.Client) error) error {
	u, err := url.Parse(s.redis.url("admin"))
	if err != nil {
		return err
	}
	u.Host = s.RedisAddress(name)
	return s.host.withRedis(u.String(), do)
}
