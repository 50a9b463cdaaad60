package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/crdb"
	"tandem.example/pkg/daemon"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/bench"
	"tandem.example/pkg/env"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/redisfx"
	"tandem.example/services/resources/internal/app"
)

// world is the servers, the two measured processes, a live token and a cached
// resource.
type world struct {
	stack          *devstack.Stack
	db             *crdb.DB
	keeper         *epoch.Keeper
	service, other *bench.Process // two instances; the comparisons use the first
	bare, aside    *bench.Process
	admin          [2]string // where the instances tell of themselves
	token, subject string
	path           string   // of the one resource that is cached from the beginning
	ids            []string // of documents of the caller's, and of the cache-aside handler's
	secret         string
}

// changed is the body of every PUT.
const changed = `{"name":"changed"}`

const issuer, audience = "https://auth.example", "tandem"

func newWorld(ctx context.Context, binary string) (_ *world, err error) {
	w := &world{secret: rand.Text() + rand.Text()}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.stack, err = devstack.Start(ctx, devstack.Options{Database: true, Redis: true, NATS: true, Fast: true}); err != nil {
		return nil, err
	}
	if err := w.migrate(ctx); err != nil {
		return nil, err
	}
	if err := w.signIn(ctx); err != nil {
		return nil, err
	}
	for i, p := range []**bench.Process{&w.service, &w.other} {
		if w.admin[i], err = w.stack.FreeAddress(ctx); err != nil {
			return nil, err
		}
		if *p, err = bench.Start(ctx, binary, append(w.environment(), "ADMIN_ADDR="+w.admin[i])...); err != nil {
			return nil, err
		}
	}
	cell, err := w.seed(ctx)
	if err != nil {
		return nil, fmt.Errorf("seed: %w: %s", err, w.service.Said())
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if w.bare, err = bench.Start(ctx, self, append(w.environment(), roleVariable+"=bare", "BENCH_CELL="+cell)...); err != nil {
		return nil, err
	}
	if err = w.fill(ctx); err != nil {
		return nil, err
	}
	w.aside, err = bench.Start(ctx, self, append(w.environment(), roleVariable+"=aside", "BENCH_TENANT="+asideTenant)...)
	return w, err
}

func (w *world) close() error {
	for _, p := range []*bench.Process{w.service, w.other, w.bare, w.aside} {
		p.Stop()
	}
	var err error
	if w.keeper != nil {
		err = w.keeper.Stop(context.Background())
	}
	if w.db != nil {
		w.db.Close()
	}
	if w.stack != nil {
		err = errors.Join(err, w.stack.Close())
	}
	return err
}

// environment is production's behind a gateway: plain HTTP from a trusted proxy,
// TLS to everything else.
func (w *world) environment() []string {
	return []string{
		"APP_ENV=dev", "REGION=local", "TRUSTED_PROXIES=127.0.0.1/32", "LOG_LEVEL=info",
		"DATABASE_URL=" + w.stack.DatabaseURL,
		"REDIS_URL=" + w.stack.RedisURLFor(devstack.Resources), "REDIS_CA_FILE=" + w.stack.CAFile,
		"NATS_URL=" + w.stack.NATSURLFor(devstack.Resources), "NATS_CA_FILE=" + w.stack.CAFile,
		"JWT_SECRET=" + w.secret, "JWT_ISSUER=" + issuer, "JWT_AUDIENCE=" + audience,
	}
}

// migrate makes the schema and opens the first epoch, which is auth's part.
func (w *world) migrate(ctx context.Context) (err error) {
	database := crdb.Config{
		URL: env.Secret(w.stack.DatabaseURL), MaxConns: 2, ConnectTimeout: 3 * time.Second, StatementTimeout: 5 * time.Second,
	}
	if err := app.Schema().Apply(ctx, daemon.SchemaConfig{Database: database}, zap.NewNop()); err != nil {
		return err
	}
	if w.db, err = crdb.Open(database, nil, nil); err != nil {
		return err
	}
	w.keeper = epoch.New(epoch.Config{
		Region: "local", Store: epoch.NewPostgres(w.db), Options: w.redis().Options,
		Recover: func(context.Context, *epoch.Epoch) error { return nil }, Log: zap.NewNop(),
	})
	w.keeper.Start()
	return nil
}

func (w *world) redis() redisfx.Config {
	return redisfx.Config{URL: env.Secret(w.stack.RedisURL), UseTLS: true, CAFile: w.stack.CAFile, PoolSize: 4}
}

// signIn makes a token and the two keys that make it live.
func (w *world) signIn(ctx context.Context) error {
	keys, err := bearer.NewSecrets([]byte(w.secret), nil)
	if err != nil {
		return err
	}
	subject, now := uuid.NewString(), time.Now()
	w.subject = subject
	claims := bearer.Claims{
		Issuer: issuer, Audience: bearer.Audience{audience}, Subject: subject, ClientID: "bench", Tenant: subject,
		ID: uuid.NewString(), SessionID: uuid.NewString(), Scopes: "resources:read resources:write",
		IssuedAt: now.Unix(), Expires: now.Add(time.Hour).Unix(),
	}
	if w.token, err = keys.Sign(claims); err != nil {
		return err
	}
	options, err := w.redis().Options()
	if err != nil {
		return err
	}
	client := redis.NewClient(options)
	_, err = client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, bearer.TokenKey(subject, claims.ID), "1", time.Hour)
		p.HSet(ctx, bearer.SessionKey(subject, claims.SessionID), "client", "bench")
		p.Expire(ctx, bearer.SessionKey(subject, claims.SessionID), time.Hour)
		return nil
	})
	return errors.Join(err, client.Close())
}

// seed creates a resource, reads it until it is cached, and gives the cell's
// key.
func (w *world) seed(ctx context.Context) (cell string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	const body = `{"type":"invoice","name":"a usual one","attributes":{"amount":1250,"currency":"EUR","lines":[1,2,3]},"labels":{"env":"prod"}}`
	for {
		status, header, err := w.ask(ctx, http.MethodPost, "/v1/resources", body)
		if err != nil {
			return "", err
		}
		if status == http.StatusCreated {
			w.path = header.Get("Location")
			break
		}
		if status != http.StatusServiceUnavailable { // the epoch opens within a moment
			return "", fmt.Errorf("create answered %d", status)
		}
	}
	for hit := false; !hit; {
		_, header, err := w.ask(ctx, http.MethodGet, w.path, "")
		if err != nil {
			return "", err
		}
		hit = strings.Contains(header.Get("Cache-Status"), "hit")
	}
	options, err := w.redis().Options()
	if err != nil {
		return "", err
	}
	client := redis.NewClient(options)
	found, err := client.Keys(ctx, "cache:*:v").Result()
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("%d cells are cached", len(found))
	}
	if err = errors.Join(err, client.Close()); err != nil {
		return "", err
	}
	return found[0], nil
}

const asideTenant = "aside"

// fill makes the documents, the same for both tenants, before anybody has read
// them.
func (w *world) fill(ctx context.Context) error {
	for range documents + herds + 1 {
		w.ids = append(w.ids, uuid.NewString())
	}
	const insert = `INSERT INTO resources (tenant, id, type, name, attributes, labels, owner, version)
		SELECT $1::TEXT, unnest($2::UUID[]), 'invoice', 'a usual one', '{"amount":1250,"currency":"EUR","lines":[1,2,3]}', '{"env":"prod"}'::JSONB, $1::TEXT, 1`
	for _, tenant := range []string{w.subject, asideTenant} {
		if _, err := w.db.Pool().Exec(ctx, insert, tenant, w.ids); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) ask(ctx context.Context, method, path, body string) (int, http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+w.service.Addr+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+w.token)
	request.Header.Set("X-Forwarded-Proto", "https")
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	return response.StatusCode, response.Header, response.Body.Close()
}
