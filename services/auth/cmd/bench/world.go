package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/bench"
)

// world is the servers and the measured processes.
type world struct {
	stack                *devstack.Stack
	service, bare, other *bench.Process
	secrets              map[string]string // by the variable they stand in
}

const (
	user, client     = "bench", "bench-client"
	issuer, audience = "https://auth.example", "tandem"
)

func newWorld(ctx context.Context, binary, other string) (_ *world, err error) {
	w := &world{secrets: map[string]string{}}
	for _, name := range []string{"JWT_SECRET", "DEMO_PASSWORD", "DEMO_CLIENT_SECRET", "DEMO_ADMIN_CLIENT_SECRET"} {
		w.secrets[name] = rand.Text() + rand.Text()
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.stack, err = devstack.Start(ctx, devstack.Options{Database: true, Redis: true, NATS: true, Fast: true}); err != nil {
		return nil, err
	}
	migrate := exec.CommandContext(ctx, binary, "migrate")
	migrate.Env = w.environment()
	if said, err := migrate.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("migrate: %w: %s", err, said)
	}
	if w.service, err = bench.Start(ctx, binary, w.environment()...); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if w.bare, err = bench.Start(ctx, self, append(w.environment(), roleVariable+"=bare")...); err != nil {
		return nil, err
	}
	w.other, err = startOther(ctx, other, w.secrets["DEMO_CLIENT_SECRET"])
	return w, err
}

// startOther installs and starts the provider of another house that lies in dir.
func startOther(ctx context.Context, dir, secret string) (*bench.Process, error) {
	install := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	if said, err := install.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm ci in %s: %w: %s", dir, err, said)
	}
	server := exec.CommandContext(ctx, "node", "server.mjs")
	server.Dir = dir
	return bench.StartCommand(ctx, server, "NODE_ENV=production", "CLIENT_ID="+client, "CLIENT_SECRET="+secret)
}

func (w *world) close() error {
	w.service.Stop()
	w.bare.Stop()
	w.other.Stop()
	if w.stack == nil {
		return nil
	}
	return w.stack.Close()
}

// environment is production's behind a gateway: plain HTTP from a trusted proxy,
// TLS to everything else.
func (w *world) environment() []string {
	set := []string{
		"APP_ENV=dev", "REGION=local", "ADMIN_ADDR=127.0.0.1:0", "TRUSTED_PROXIES=127.0.0.1/32", "LOG_LEVEL=info",
		"DATABASE_URL=" + w.stack.DatabaseURL,
		"REDIS_URL=" + w.stack.RedisURLFor(devstack.Auth), "REDIS_CA_FILE=" + w.stack.CAFile,
		"NATS_URL=" + w.stack.NATSURLFor(devstack.Auth), "NATS_CA_FILE=" + w.stack.CAFile,
		"JWT_ISSUER=" + issuer, "JWT_AUDIENCE=" + audience,
		"DEMO_USER=" + user, "DEMO_CLIENT_ID=" + client, "DEMO_ADMIN_CLIENT_ID=bench-admin",
		"LIMIT_TOKEN_ADDRESS=1000000/1s", // all requests come from one address here
	}
	for name, secret := range w.secrets {
		set = append(set, name+"="+secret)
	}
	return set
}

// tokens is the part of a token response that the benchmark uses.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// signIn makes a session by password. It waits for a service that is starting.
func (w *world) signIn(ctx context.Context) (tokens, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	form := url.Values{"grant_type": {"password"}, "username": {user}, "password": {w.secrets["DEMO_PASSWORD"]}}.Encode()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+w.service.Addr+"/token", strings.NewReader(form))
		if err != nil {
			return tokens{}, err
		}
		request.SetBasicAuth(client, w.secrets["DEMO_CLIENT_SECRET"])
		request.Header.Set("X-Forwarded-Proto", "https")
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return tokens{}, fmt.Errorf("sign in: %w: %s", err, w.service.Said())
		}
		var got tokens
		err = errors.Join(json.NewDecoder(response.Body).Decode(&got), response.Body.Close())
		if err != nil || got.Access != "" {
			return got, err
		}
	}
}
