package devstack

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"tandem.example/pkg/devstack/internal/proc"
)

// redisConf listens with TLS alone; clients are known by their passwords.
const redisConf = `bind 127.0.0.1
port 0
tls-port %d
tls-cert-file %q
tls-key-file %q
tls-ca-cert-file %q
tls-auth-clients no
tls-replication yes
dir %q
daemonize no
databases 1
save ""
appendonly %s
appendfsync always
maxmemory-policy noeviction
`

// redisRights are the access rules of each user. A service gets the data
// commands, scripts and what a client library asks of a server, but nothing that
// empties, configures or inspects it, or that tells of keys it did not name;
// and resources can read token keys, never write them.
const redisRights = "resetchannels -@all +@read +@write +@transaction +@connection -@dangerous" +
	" -function -scan -randomkey -client|tracking +eval +evalsha +info +time +wait"

func redisUsers() map[string]string {
	return map[string]string{
		"admin":   "~* &* +@all",
		Auth:      "~auth:* ~clerk:* ~rate:* " + redisRights,
		Resources: "%R~auth:* ~cache:* ~clerk:* " + redisRights,
	}
}

// redisDefault: nobody is the default user; but Redis loads scripted writes from its
// file as that user, and would leave out what it has no right to.
const redisDefault = "user default off ~* &* +@all\n"

type redisServer struct {
	external  string
	address   string
	passwords map[string]string
}

func (r *redisServer) url(user string) string {
	if r.external != "" {
		return r.external
	}
	u := url.URL{Scheme: "rediss", Host: r.address, Path: "/0", User: url.UserPassword(user, r.passwords[user])}
	return u.String()
}

func (h *host) startRedis(ctx context.Context, name string, o Options) (*redisServer, error) {
	if o.RedisURL != "" {
		return &redisServer{external: o.RedisURL}, nil
	}
	passwords := map[string]string{}
	for user := range redisUsers() {
		passwords[user] = secret()
	}
	return h.launchRedis(ctx, name, passwords, o)
}

// launchRedis starts a server that knows these users, and by whose admin it can
// become the replica of another one that does.
func (h *host) launchRedis(ctx context.Context, name string, passwords map[string]string, o Options) (*redisServer, error) {
	bin, err := exec.LookPath(ProgramRedis)
	if err != nil {
		return nil, err
	}
	port, err := h.freePort(ctx)
	if err != nil {
		return nil, err
	}
	dir := h.path(name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	persist := "no"
	if o.RedisPersists {
		persist = "yes"
	}
	var conf strings.Builder
	fmt.Fprintf(&conf, redisConf, port, h.certFile, h.keyFile, h.ca.CAFile(), dir, persist)
	r := &redisServer{address: address(port), passwords: passwords}
	conf.WriteString(redisDefault)
	fmt.Fprintf(&conf, "masteruser admin\nmasterauth %s\n", passwords["admin"])
	for user, rights := range redisUsers() {
		fmt.Fprintf(&conf, "user %s on #%x %s\n", user, sha256.Sum256([]byte(r.passwords[user])), rights)
	}
	file := h.path(name, "redis.conf")
	if err := os.WriteFile(file, []byte(conf.String()), 0o600); err != nil {
		return nil, err
	}
	err = h.table.Add(proc.Spec{
		Name: name, Path: bin, Args: []string{file},
		Env: []string{"LC_ALL=C", "TZ=UTC"}, Dir: dir,
	})
	if err != nil {
		return nil, err
	}
	return r, h.bring(ctx, name, func(ctx context.Context) error { return h.pingRedis(ctx, r) })
}

func (h *host) pingRedis(ctx context.Context, r *redisServer) error {
	return h.withRedis(r.url("admin"), func(c *redis.Client) error { return c.Ping(ctx).Err() })
}

func (h *host) withRedis(url string, do func(*redis.Client) error) error {
	opts, err := redis.ParseURL(url)
	if err != nil {
		return err
	}
	opts.TLSConfig = &tls.Config{RootCAs: h.ca.Pool(), MinVersion: tls.VersionTLS12}
	opts.MaxRetries, opts.DisableIdentity = -1, true
	opts.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	client := redis.NewClient(opts)
	return errors.Join(do(client), client.Close())
}
