package devstack

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Users of the images.
const (
	rootUID       = 0
	redisUID      = 999
	grafanaUID    = 472
	jaegerUID     = 10001
	prometheusUID = 65534
	tandemUID     = 65532
)

const cockroach = "cockroach"

// mount is where a reader finds its files.
const mount = "/run/tandem/"

func readers() []reader {
	none := func(words) map[string]string { return nil }
	return []reader{
		{cockroach, rootUID, []string{"cockroach-1", "cockroach-2", "cockroach-3"}, sqlFiles},
		{"redis", redisUID, []string{"redis", "redis-replica"}, redisFiles},
		{"nats", rootUID, []string{"nats"}, natsFiles},
		{"clerk", tandemUID, []string{"clerk"}, func(w words) map[string]string {
			return map[string]string{"CLERK_SECRET_KEY": clerkSecret(w), "CLERK_WEBHOOK_SECRET": webhookSecret(w)}
		}},
		{"migrate", tandemUID, nil, func(w words) map[string]string {
			return map[string]string{"DATABASE_URL": sqlURL(w, "tandem_owner")}
		}},
		{Auth, tandemUID, []string{"auth"}, func(w words) map[string]string {
			return merge(serviceFiles(w, Auth), map[string]string{
				"CLERK_WEBHOOK_SECRET": webhookSecret(w), "DEMO_PASSWORD": w.of("demo user"),
				"DEMO_CLIENT_SECRET": w.of("demo client"), "DEMO_ADMIN_CLIENT_SECRET": w.of("demo admin client"),
			})
		}},
		{Resources, tandemUID, []string{"resources-1", "resources-2"}, func(w words) map[string]string {
			return serviceFiles(w, Resources)
		}},
		{"journey", tandemUID, nil, func(w words) map[string]string {
			return map[string]string{"JOURNEY_CLIENT_SECRET": w.of("demo client")}
		}},
		{"application", tandemUID, []string{"application"}, none},
		{"gateway", rootUID, []string{"gateway"}, none},
		{"prometheus", prometheusUID, []string{"prometheus"}, none},
		{"grafana", grafanaUID, []string{"grafana"}, func(w words) map[string]string {
			return map[string]string{"password": w.of("grafana admin")}
		}},
		{"jaeger", jaegerUID, []string{"jaeger"}, none},
	}
}

func merge(a, b map[string]string) map[string]string {
	maps.Copy(a, b)
	return a
}

// serviceFiles are named as the variables they stand for.
func serviceFiles(w words, service string) map[string]string {
	redis := url.URL{Scheme: "rediss", Host: "redis:6379", Path: "/0", User: url.UserPassword(service, w.of("redis "+service))}
	nats := url.URL{Scheme: "tls", Host: "nats:4222", User: url.UserPassword(service, w.of("nats "+service))}
	return map[string]string{
		"DATABASE_URL": sqlURL(w, "tandem_"+service), "REDIS_URL": redis.String(), "NATS_URL": nats.String(),
		"JWT_SECRET": w.of("tokens"), "CLERK_SECRET_KEY": clerkSecret(w),
	}
}

func sqlURL(w words, user string) string {
	u := url.URL{
		Scheme: "postgres", Host: "cockroach-1:26257,cockroach-2:26257,cockroach-3:26257", Path: "/tandem",
		User:     url.UserPassword(user, w.of("sql "+user)),
		RawQuery: "sslmode=verify-full&sslrootcert=" + mount + "ca.crt",
	}
	return u.String()
}

func clerkSecret(w words) string { return "sk_test_" + w.of("clerk") }

func webhookSecret(w words) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(w.of("clerk webhook")))
}

// sqlFiles has root make the database and its users. It may be repeated, also over a
// database that knows other passwords.
func sqlFiles(w words) map[string]string {
	var b strings.Builder
	b.WriteString("CREATE DATABASE IF NOT EXISTS tandem;\n")
	for _, user := range []string{"tandem_owner", "tandem_auth", "tandem_resources"} {
		fmt.Fprintf(&b, "CREATE USER IF NOT EXISTS %s;\n", user)
		fmt.Fprintf(&b, "ALTER USER %s WITH PASSWORD '%s';\n", user, w.of("sql "+user))
	}
	b.WriteString(`ALTER DATABASE tandem OWNER TO tandem_owner;
USE tandem;
REVOKE CREATE ON SCHEMA public FROM public;
GRANT CREATE, USAGE ON SCHEMA public TO tandem_owner;
GRANT USAGE ON SCHEMA public TO tandem_auth, tandem_resources;
`)
	return map[string]string{"users.sql": b.String()}
}

// redisFiles are for the primary and its replica: whoever is which changes.
func redisFiles(w words) map[string]string {
	users := redisUsers()
	users["health"] = "resetchannels -@all +ping"
	var acl strings.Builder
	acl.WriteString(redisDefault)
	for _, user := range slices.Sorted(maps.Keys(users)) {
		fmt.Fprintf(&acl, "user %s on #%x %s\n", user, sha256.Sum256([]byte(w.of("redis "+user))), users[user])
	}
	return map[string]string{
		"users.acl": acl.String(), "health": w.of("redis health"),
		"replication.conf": "masteruser admin\nmasterauth " + w.of("redis admin") + "\n",
	}
}

// natsFiles are users as NATS reads them, which is nearly JSON.
func natsFiles(w words) map[string]string {
	type grant struct {
		Publish   []string `json:"publish"`
		Subscribe []string `json:"subscribe"`
	}
	type user struct {
		Name        string `json:"user"`
		Password    string `json:"password"`
		Permissions *grant `json:"permissions,omitempty"`
	}
	var users []user
	for _, u := range natsUsers() {
		of := user{Name: u.Name, Password: w.of("nats " + u.Name)}
		if u.Publish != nil {
			of.Permissions = &grant{u.Publish, u.Subscribe}
		}
		users = append(users, of)
	}
	var b strings.Builder
	b.WriteString("authorization: ")
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false) // NATS knows no \u
	if err := out.Encode(map[string]any{"users": users}); err != nil {
		panic(err) // strings
	}
	return map[string]string{"users.conf": b.String()}
}

// demoEnv is for people at the top of the clone.
func demoEnv(w words) string {
	var b strings.Builder
	for _, v := range [][2]string{
		{"AUTH_URL", composeURL},
		{"RESOURCES_URL", composeURL},
		{"CA_FILE", "deploy/compose/secrets/ca.crt"},
		{"CLERK_URL", "https://localhost:8444"},
		{"DEMO_USER", "demo@example.com"},
		{"DEMO_PASSWORD", w.of("demo user")},
		{"DEMO_CLIENT_ID", "demo-client"},
		{"DEMO_CLIENT_SECRET", w.of("demo client")},
		{"DEMO_ADMIN_CLIENT_ID", "demo-admin"},
		{"DEMO_ADMIN_CLIENT_SECRET", w.of("demo admin client")},
		{"GRAFANA_PASSWORD", w.of("grafana admin")},
	} {
		fmt.Fprintf(&b, "%s='%s'\n", v[0], v[1])
	}
	return b.String()
}

const composeURL = "https://localhost:8443"
