package devstack

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestRedisTakesTheFilesOfCompose(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := composeSecrets(t, dir)
	conf, err := os.ReadFile("../../deploy/compose/redis.conf")
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	conf = bytes.ReplaceAll(conf, []byte("/run/tandem/"), []byte(filepath.Join(dir, "redis")+"/"))
	conf = bytes.ReplaceAll(conf, []byte("dir /data"), []byte("dir "+data))
	file := filepath.Join(dir, "redis.conf")
	if err := os.WriteFile(file, conf, 0o600); err != nil {
		t.Fatal(err)
	}
	free, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	server := exec.CommandContext(t.Context(), ProgramRedis, file, "--tls-port", port, "--bind", "127.0.0.1")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Wait() }) // killed by the context, which has ended

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(files["ca.crt"]))
	w, err := loadWords(filepath.Join(dir, keep))
	if err != nil {
		t.Fatal(err)
	}
	as := func(user string) *redis.Client {
		c := redis.NewClient(&redis.Options{
			Addr: addr, Username: user, Password: w.of("redis " + user), MaxRetries: -1,
			TLSConfig: &tls.Config{RootCAs: roots, ServerName: "redis", MinVersion: tls.VersionTLS12},
		})
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for as("health").Ping(ctx).Err() != nil {
		select {
		case <-ctx.Done():
			t.Fatal("the server does not answer its health check")
		case <-time.After(50 * time.Millisecond):
		}
	}
	for what, err := range map[string]error{
		"auth writes a token":       as(Auth).Set(ctx, "auth:{s}:t", strconv.Itoa(1), 0).Err(),
		"resources reads it":        as(Resources).Get(ctx, "auth:{s}:t").Err(),
		"resources caches an item":  as(Resources).Set(ctx, "cache:{r}:i", "1", 0).Err(),
		"admin asks for the policy": as("admin").ConfigGet(ctx, "maxmemory-policy").Err(),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, err := range map[string]error{
		"health reads a token":    as("health").Get(ctx, "auth:{s}:t").Err(),
		"resources writes one":    as(Resources).Set(ctx, "auth:{s}:t", "2", 0).Err(),
		"auth changes the policy": as(Auth).ConfigSet(ctx, "maxmemory-policy", "allkeys-lru").Err(),
		"nobody has a name":       as("default").Ping(ctx).Err(),
	} {
		if err == nil {
			t.Errorf("%s: allowed", what)
		}
	}
}
