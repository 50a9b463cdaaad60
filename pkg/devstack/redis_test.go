package devstack_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/devstack"
)

func trust(t *testing.T, caFile string) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate")
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

func redisClient(t *testing.T, s *devstack.Stack, raw string) *redis.Client {
	t.Helper()
	opts, err := redis.ParseURL(raw)
	if err != nil {
		t.Fatal(err)
	}
	if opts.TLSConfig != nil {
		opts.TLSConfig = trust(t, s.CAFile)
	}
	opts.MaxRetries = -1
	client := redis.NewClient(opts)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestRedisRefusesStrangers(t *testing.T) {
	t.Parallel()
	s := devstack.T(t, devstack.Options{Redis: true})
	good := s.RedisURLFor(devstack.Auth)
	if err := redisClient(t, s, good).Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	_, host, _ := strings.Cut(good, "@")
	for name, raw := range map[string]string{
		"plain text":     strings.Replace(good, "rediss:", "redis:", 1),
		"no credentials": "rediss://" + host,
		"wrong password": "rediss://auth:no@" + host,
	} {
		if err := redisClient(t, s, raw).Ping(t.Context()).Err(); err == nil {
			t.Errorf("%s is let in", name)
		}
	}
}

func TestRedisRights(t *testing.T) {
	t.Parallel()
	s := devstack.T(t, devstack.Options{Redis: true})
	clients := map[string]*redis.Client{
		devstack.Auth:      redisClient(t, s, s.RedisURLFor(devstack.Auth)),
		devstack.Resources: redisClient(t, s, s.RedisURLFor(devstack.Resources)),
		"admin":            redisClient(t, s, s.RedisURL),
	}
	const script = "return redis.call('SET', KEYS[1], '1', 'PX', 1000)"
	for _, tt := range []struct {
		user, command string
		allowed       bool
	}{
		{"auth", "SET auth:{u}:t:1 x PX 1000", true},
		{"auth", "SET clerk:{s} x PX 1000", true},
		{"auth", "SET rate:a x PX 1000", true},
		{"auth", "SET cache:1:{k}:v x PX 1000", false},
		{"auth", "GET cache:1:{k}:v", false},
		{"auth", "FLUSHALL", false},
		{"auth", "INFO", true},
		{"resources", "EXISTS auth:{u}:t:1 auth:{u}:s:1", true},
		{"resources", "SET auth:{u}:t:2 x PX 1000", false},
		{"resources", "DEL auth:{u}:t:1", false},
		{"resources", "EXPIRE auth:{u}:t:1 1000", false},
		{"resources", "SET cache:1:{k}:v x PX 1000", true},
		{"resources", "HSET cache:1:{k}:m token 1", true},
		{"resources", "DEL cache:1:{k}:m", true},
		{"resources", "SET clerk:{s} x PX 1000", true},
		{"resources", "GET rate:a", false},
		{"resources", "SCAN 0", false},
		{"resources", "RANDOMKEY", false},
		{"resources", "CLIENT TRACKING on bcast", false},
		{"resources", "FUNCTION FLUSH", false},
		{"resources", "SCRIPT FLUSH", false},
		{"auth", "SCAN 0", false},
		{"auth", "FUNCTION FLUSH", false},
		{"resources", "INFO", true},
		{"resources", "TIME", true},
		{"resources", "KEYS *", false},
		{"resources", "FLUSHDB", false},
		{"resources", "CONFIG GET dir", false},
		{"resources", "ACL LIST", false},
		{"resources", "CLIENT LIST", false},
		{"resources", "SHUTDOWN NOSAVE", false},
		{"resources", "SWAPDB 0 0", false},
		{"resources", "MONITOR", false},
		{"admin", "ACL LIST", true},
		{"admin", "CONFIG GET dir", true},
	} {
		words := strings.Fields(tt.command)
		args := make([]any, len(words))
		for i, w := range words {
			args[i] = w
		}
		err := clients[tt.user].Do(t.Context(), args...).Err()
		if denied := err != nil && strings.HasPrefix(err.Error(), "NOPERM"); denied == tt.allowed || tt.allowed && err != nil {
			t.Errorf("%s: %s: %v", tt.user, tt.command, err)
		}
	}
	resources := clients[devstack.Resources]
	if err := resources.Eval(t.Context(), script, []string{"cache:1:{k}:v"}).Err(); err != nil {
		t.Errorf("a script on own keys: %v", err)
	}
	if err := resources.Eval(t.Context(), script, []string{"auth:{u}:t:1"}).Err(); err == nil {
		t.Error("a script writes a token key")
	}
}

func TestKilledRedis(t *testing.T) {
	t.Parallel()
	for name, persists := range map[string]bool{"is empty": false, "keeps its data": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := devstack.T(t, devstack.Options{OwnRedis: true, RedisPersists: persists})
			client := redisClient(t, s, s.RedisURL)
			if err := client.Set(t.Context(), "cache:k", "v", 0).Err(); err != nil {
				t.Fatal(err)
			}
			if err := s.Kill("redis"); err != nil {
				t.Fatal(err)
			}
			if err := client.Ping(t.Context()).Err(); err == nil {
				t.Fatal("a killed server answers")
			}
			if err := s.Start(t.Context(), "redis"); err != nil {
				t.Fatal(err)
			}
			n, err := client.Exists(t.Context(), "cache:k").Result()
			if err != nil || (n == 1) != persists {
				t.Fatalf("%d keys: %v", n, err)
			}
		})
	}
}

func TestPausedRedisAnswersAfterwards(t *testing.T) {
	t.Parallel()
	s := devstack.T(t, devstack.Options{OwnRedis: true})
	opts, err := redis.ParseURL(s.RedisURL)
	if err != nil {
		t.Fatal(err)
	}
	opts.TLSConfig, opts.MaxRetries, opts.ReadTimeout = trust(t, s.CAFile), -1, 100*1e6
	client := redis.NewClient(opts)
	t.Cleanup(func() { _ = client.Close() })
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.Pause("redis"); err != nil {
		t.Fatal(err)
	}
	if err := client.Ping(t.Context()).Err(); err == nil {
		t.Fatal("a paused server answers")
	}
	if err := s.Resume("redis"); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context(), "redis"); err == nil {
		t.Fatal("a running server was started twice")
	}
	if err := redisClient(t, s, s.RedisURL).Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
}
