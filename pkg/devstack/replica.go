package devstack

import (
	"context"
	"net"
	"net/url"

	"github.com/redis/go-redis/v9"
)

const replicaName = "redis-2"

// StartReplica adds a second Redis to a stack of its own, as the replica of the
// first and with the same users. Its process is "redis-2".
func (s *Stack) StartReplica(ctx context.Context) (err error) {
	s.replica, err = s.host.launchRedis(ctx, replicaName, s.redis.passwords, Options{})
	if err != nil {
		return err
	}
	s.own[replicaName] = replicaName
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

// SaveRedis has a Redis write what it holds to the dump that it reads when it
// starts: dump.rdb in the directory of its name.
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
