package app_test

import (
	"net/url"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/env"
	"tandem.example/pkg/redisfx"
)

// restart brings the server back with what it has kept, if anything.
func (s *service) restart() (revive func()) {
	return func() {
		s.t.Helper()
		if err := s.stack.Start(s.t.Context(), "redis"); err != nil {
			s.t.Fatal(err)
		}
	}
}

// dump makes the server begin with what it holds now.
func (s *service) dump() (revive func()) {
	s.t.Helper()
	if err := s.redisOf(s.stack).Save(s.t.Context()).Err(); err != nil {
		s.t.Fatal(err)
	}
	return s.restart()
}

// replicate makes another server the replica of the one in use and then cuts it
// off. Once promoted it takes the other's place.
func (s *service) replicate() (revive func()) {
	s.t.Helper()
	stack := devstack.T(s.t, devstack.Options{OwnRedis: true})
	primary, replica := s.redisOf(s.stack), s.redisOf(stack)
	in, out := s.parse(s.stack.RedisURL), s.parse(s.stack.RedisURLFor(devstack.Auth))
	password, _ := in.User.Password()
	known, _ := out.User.Password()
	s.run(replica, "config", "set", "tls-replication", "yes", "masteruser", in.User.Username(), "masterauth", password)
	s.run(replica, "acl", "setuser", out.User.Username(), ">"+known)
	s.run(replica, "replicaof", in.Hostname(), in.Port())
	s.run(primary, "set", "last", "1")
	s.await("the replica does not follow", func() bool { return replica.Exists(s.t.Context(), "last").Val() == 1 })
	s.run(replica, "replicaof", "127.0.0.1", "1") // where nobody is
	return func() {
		s.t.Helper()
		s.run(replica, "replicaof", "no", "one")
		s.await("its place is taken", func() bool { return replica.ConfigSet(s.t.Context(), "tls-port", in.Port()).Err() == nil })
	}
}

func (s *service) run(c *redis.Client, args ...any) {
	s.t.Helper()
	if err := c.Do(s.t.Context(), args...).Err(); err != nil {
		s.t.Fatalf("%v: %v", args[0], err)
	}
}

// redisOf is an administrator's connection to a stack's Redis.
func (s *service) redisOf(stack *devstack.Stack) *redis.Client {
	s.t.Helper()
	options, err := redisfx.Config{URL: env.Secret(stack.RedisURL), UseTLS: true, CAFile: stack.CAFile, PoolSize: 1}.Options()
	if err != nil {
		s.t.Fatal(err)
	}
	c := redis.NewClient(options)
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (s *service) parse(raw string) *url.URL {
	s.t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		s.t.Fatal(err)
	}
	return u
}
