package devstack_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/devstack"
)

// A replica has what its primary has until it is promoted; from then on each of
// them goes its own way, with the same users.
func TestReplica(t *testing.T) {
	t.Parallel()
	s := devstack.T(t, devstack.Options{Redis: true, OwnRedis: true})
	if err := s.StartReplica(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := s.RedisURLFor(devstack.Auth)
	primary := redisClient(t, s, first)
	replica := redisClient(t, s, strings.Replace(first, s.RedisAddress("redis"), s.RedisAddress("redis-replica"), 1))
	if err := primary.Set(t.Context(), "auth:a", "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	awaitValue(t, replica, "1")
	if err := replica.Set(t.Context(), "auth:a", "2", 0).Err(); err == nil {
		t.Error("a replica was written to")
	}
	if err := s.Follow(t.Context(), "redis-replica", ""); err != nil {
		t.Fatal(err)
	}
	if err := replica.Set(t.Context(), "auth:a", "3", 0).Err(); err != nil {
		t.Errorf("the promoted one: %v", err)
	}
	if got := primary.Get(t.Context(), "auth:a").Val(); got != "1" {
		t.Errorf("the old one has %q", got)
	}
	if err := s.Follow(t.Context(), "redis", "redis-replica"); err != nil {
		t.Fatal(err)
	}
	awaitValue(t, primary, "3")
	if err := s.SaveRedis(t.Context(), "redis-replica"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.RedisDump("redis-replica")); err != nil {
		t.Error(err)
	}
}

func awaitValue(t *testing.T, c *redis.Client, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for c.Get(ctx, "auth:a").Val() != want {
		select {
		case <-ctx.Done():
			t.Fatalf("it never had %q", want)
		case <-tick.C:
		}
	}
}
